"""`--plugin`: on every command and before it, loaded before the command's own arguments are looked at."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
import typer

from core.cli.main import cli, main
from core.system.errors import SpecError

COMMANDS = [command.name or "" for command in cli.registered_commands] + [
    f"{group.name} {command.name}"
    for group in cli.registered_groups
    for command in (group.typer_instance.registered_commands if group.typer_instance else ())
]
"""Every command; those of a group behind its name."""


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What a stand-in of the loader was given; a file whose name begins with "bad" is refused."""
    files: list[Path] = []

    def load_plugins(paths: Sequence[Path]) -> None:
        files.extend(paths)
        for path in paths:
            if path.name.startswith("bad"):
                raise SpecError(f"{path} is not a plug-in.")

    module = ModuleType("core.catalog.plugins")
    module.load_plugins = load_plugins  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    return files


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after it"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_loads_plugins_before_its_arguments_are_looked_at(
    command: str, before: bool, loaded: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--plugin", "mine.py", "--plugin", "bad.py"]
    assert main([*named, *command.split()] if before else [*command.split(), *named]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "poison-lab: bad.py is not a plug-in.\n")
    assert loaded == [Path("mine.py"), Path("bad.py")]


def test_all_commands_are_tried() -> None:
    top = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    found = [f"{name} {inner}".strip() for name, one in top.items() for inner in getattr(one, "commands", [""])]
    assert sorted(COMMANDS) == sorted(found)


def test_plugins_of_the_environment_come_first_and_once(
    loaded: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POISON_LAB_PLUGINS", os.pathsep.join(["one.py", "", str(tmp_path / "two.py")]))
    assert main(["--plugin", "three.py", "list", "--plugin", "four.py"]) == 0
    assert loaded == [Path("one.py"), tmp_path / "two.py", Path("three.py"), Path("four.py")]
    assert "ft-matching" in capsys.readouterr().out


def test_processes_that_are_started_load_the_same(
    loaded: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISON_LAB_PLUGINS", "/plugins/one.py")
    assert main(["list", "--plugin", "two.py", "--plugin", "/plugins/one.py"]) == 0
    assert os.environ["POISON_LAB_PLUGINS"] == os.pathsep.join(["/plugins/one.py", str(tmp_path / "two.py")])


def test_a_refused_plugin_is_passed_on_to_nobody(loaded: list[Path]) -> None:
    assert main(["list", "--plugin", "bad.py"]) == 2
    assert os.environ["POISON_LAB_PLUGINS"] == ""


def test_without_plugins_the_loader_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "core.catalog.plugins", None)  # whoever imports it fails
    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    assert main(["list"]) == 0
