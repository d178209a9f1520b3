"""Connections that send at once, though their listening socket names no protocol."""

import os
import socket
from pathlib import Path

import pytest

from core.serving import nodelay


def test_small_answers_are_sent_at_once() -> None:
    with socket.socket() as listener, socket.socket() as browser:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        before = set(os.listdir("/dev/fd"))
        nodelay.enable_nodelay()
        assert set(os.listdir("/dev/fd")) == before, "something is held open"
        browser.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_where_open_files_have_no_names_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodelay, "OPEN_FILES", tmp_path / "none")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        nodelay.enable_nodelay()
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
