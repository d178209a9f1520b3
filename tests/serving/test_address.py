"""The address of this machine for others: never one that only this machine reaches."""

import socket

import pytest

from core.serving import address


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        *[(host, True) for host in ("localhost", "127.0.0.1", "127.3.2.1", "[::1]", "::1")],
        *[(host, False) for host in ("192.168.0.7", "lab.example.org", "0.0.0.0", "")],
    ],
)
def test_hosts_that_only_this_machine_reaches(host: str, only_here: bool) -> None:
    assert address.is_loopback(host) is only_here


@pytest.mark.parametrize(("name", "found"), [("10.1.2.3", "10.1.2.3"), ("127.0.0.1", None), ("0.0.0.0", None)])
def test_the_address_that_the_system_would_use(name: str, found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Probe(socket.socket):
        def connect(self, _: object) -> None:
            pass

        def getsockname(self) -> tuple[str, int]:
            return name, 1

    monkeypatch.setattr(address.socket, "socket", Probe)
    assert address.network_address() == found


def test_without_a_network_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("Network is unreachable")

    class Probe(socket.socket):
        connect = unreachable

    monkeypatch.setattr(address.socket, "socket", Probe)
    assert address.network_address() is None
