"""`doctor`."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.cli.main import main
from core.data.registry import DATA


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
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in DATA)
    assert "resnet18-f37072fd.pth" in printed
    assert not home.exists(), "looking writes nothing"


def test_doctor_survives_a_missing_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from core.system import versions as versions_module

    def version(name: str) -> str:
        if name == "timm":
            raise versions_module.metadata.PackageNotFoundError(name)
        return "1"

    fakes = SimpleNamespace(version=version, PackageNotFoundError=versions_module.metadata.PackageNotFoundError)
    monkeypatch.setattr(versions_module, "metadata", fakes)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "timm MISSING" in printed
    assert "Package timm is missing: pip install" in printed
