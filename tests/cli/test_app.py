"""The command that serves the lab: where it listens, and what it says where it can't."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from core.cli.main import main
from core.system.paths import ROOT


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the process would have become."""
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda file, command: commands.append([file, *command[1:]]))
    monkeypatch.delenv("STREAMLIT_SERVER_PORT", raising=False)
    monkeypatch.delenv("STREAMLIT_SERVER_ADDRESS", raising=False)
    monkeypatch.delenv("STREAMLIT_SERVER_BASE_URL_PATH", raising=False)
    return commands


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def command(address: str, port: int, base: str = "") -> list[str]:
    script = str(ROOT / "app.py")
    options = ["--server.address", address, "--server.port", str(port)]
    options += ["--server.baseUrlPath", base] if base else []
    return [sys.executable, "-P", "-m", "streamlit", "run", script, *options]


def test_it_listens_on_this_machine_alone(
    served: list[list[str]], port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", "--port", str(port)]) == 0
    assert served == [command("127.0.0.1", port)]
    assert capfd.readouterr().out == f"Poison Lab: http://localhost:{port} (Ctrl-C ends it)\n"


def test_options_and_variables_say_where(served: list[list[str]], port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", str(port))
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "127.0.0.1")
    assert main(["app"]) == 0
    assert main(["app", "--address", "0.0.0.0"]) == 0
    assert served == [command("127.0.0.1", port), command("0.0.0.0", port)]


@pytest.mark.parametrize("given", ["lab", "/lab", "/lab/"])
def test_a_path_is_an_option_or_a_variable(
    given: str,
    served: list[list[str]],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["app", "--port", str(port), "--base-path", given]) == 0
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", given)
    assert main(["app", "--port", str(port)]) == 0
    assert served == [command("127.0.0.1", port, "/lab")] * 2
    assert capfd.readouterr().out == f"Poison Lab: http://localhost:{port}/lab (Ctrl-C ends it)\n" * 2


@pytest.mark.parametrize("given", ["/a//b", "/a b", "/../lab", "/a?b", "https://host.example/lab", "/a/.", "/{lab}"])
def test_a_path_that_cannot_be_one_is_one_sentence(
    given: str, served: list[list[str]], port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", "--port", str(port), "--base-path", given]) == 2
    assert served == []
    assert capfd.readouterr().err.startswith(f"poison-lab: --base-path {given} can't be used; allowed: parts of ")


def test_a_port_that_is_taken_is_one_sentence(
    served: list[list[str]], taken: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", "--port", str(taken)]) == 2
    assert served == []
    assert capfd.readouterr().err == (
        f"poison-lab: Can't listen on port {taken} of 127.0.0.1: address already in use. Choose another port, as in "
        "'poison-lab app --port 8600' or 'make app PORT=8600'.\n"
    )


@pytest.mark.parametrize("address", ["203.0.113.9", "nowhere.invalid"])
def test_an_address_of_another_machine_is_one_sentence(
    address: str, served: list[list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", "--address", address]) == 2
    assert served == []
    assert address in capfd.readouterr().err


def test_a_port_that_does_not_exist_is_refused(served: list[list[str]], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["app", "--port", "99999"]) == 2
    assert served == []
    assert "65535" in capfd.readouterr().err
