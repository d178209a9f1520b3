"""The server around the pages: how it sends."""

import os
import socket

import app


def test_small_answers_are_sent_at_once() -> None:
    with socket.socket() as listener, socket.socket() as browser:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        before = set(os.listdir("/dev/fd"))
        app.send_at_once()
        assert set(os.listdir("/dev/fd")) == before, "something is held open"
        browser.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
