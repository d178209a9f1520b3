"""`doctor`."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from core.cli.checks.check import MOST_LINES, WIDTH
from core.cli.main import main
from core.data.registry import DATA
from core.system.paths import ROOT


def test_doctor_tells_what_is_here_and_what_is_missing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["device"] == "cpu"
    assert report["data"] == {name: record.embedded for name, record in DATA.items()}
    assert any(f"put cifar-10-python.tar.gz into {home / 'data'}" in problem for problem in report["problems"])
    assert report["extractors"]["efficientnet-lite0-imagenet"]
    assert not report["extractors"]["resnet18-imagenet"]
    assert any("resnet18-f37072fd.pth" in problem for problem in report["problems"])
    assert report["home"] == str(home)
    assert report["packages"]["numba"] == metadata.version("numba")
    assert report["state"] in {"ok", "warning"}
    assert all(check.keys() == {"name", "state", "text", "remedy"} for check in report["checks"])
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH
    assert all(any(name in line for line in lines) for name in DATA)
    assert all(any(line[9:].startswith(check["name"]) for line in lines) for check in report["checks"])
    assert not home.exists(), "looking writes nothing"


@pytest.mark.usefixtures("home")
def test_doctor_survives_a_missing_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "timm":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "fault    Packages     Package timm is missing" in printed
    assert "-> pip install" in printed
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["packages"]["timm"] is None
    assert report["state"] == "fault"
    assert "Package timm is missing: pip install" in report["problems"][0]


@pytest.mark.usefixtures("home")
def test_a_look_that_fails_is_a_fault_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("core.cli.checks.machine.processor", fail)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "fault    Processor    can't be looked at (ZeroDivisionError: a bug)" in printed
    assert "Open files" in printed


@pytest.mark.usefixtures("home", "plugins_for_a_test")
def test_a_broken_plugin_of_the_environment_is_reported_and_one_that_is_named_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name\n")
    monkeypatch.setenv("POISON_LAB_PLUGINS", str(broken))
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    [fault] = [check for check in report["checks"] if check["state"] == "fault"]
    assert fault["name"] == "Plug-ins"
    assert f"{broken}, line 1: ModuleNotFoundError" in fault["text"]
    assert main(["list"]) == 2, "no other command goes on"
    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    assert main(["doctor", "--plugin", str(broken)]) == 2


def test_bad_usage_is_two() -> None:
    assert main(["doctor", "--quick"]) == 2


def test_all_but_the_computation_does_without_torch() -> None:
    code = """
import sys
from core.cli import doctor
from core.cli.checks import contents, home, machine, software
software.product(), software.packages(), machine.processor(), machine.open_files()
home.home(), home.runs(), home.environment(), contents.plugins(), contents.assets(), contents.extractors()
contents.data()
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
