"""What people relied on in version 0.1.0 is still there: commands, options, variables, hashes that ship."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from core.cli.main import cli, main
from core.spec.experiment import parse_spec
from core.system import paths
from core.system.paths import ROOT
from core.system.settings import Settings, variable


def test_every_command_has_its_options(interface: dict[str, Any]) -> None:
    commands = get_command(cli).commands  # type: ignore[attr-defined]
    for name, options in interface["commands"].items():
        there = {
            option for parameter in commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert set(options) <= there, name


def test_options_of_before_make_the_experiment_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interface: dict[str, Any]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("core.cli.run._execute", lambda spec, *_: asked.append(spec.hash))
    words = "--attack label-flip --train-size 24 --test-size 20 --budget 0.15"
    assert main(["run", "--out", str(tmp_path / "run"), *words.split()]) == 0
    words = "--attack ft-matching --set steps=3 --set match_steps=3 --set finish_steps=2 --constraint perturbation"
    words += f" --train-size 24 --test-size 20 --budget 0.15 --delta {16 / 255}"
    assert main(["run", "--out", str(tmp_path / "run"), *words.split()]) == 0
    runs = interface["home"]["runs"]
    assert asked == [runs["label-flip"]["hash"], runs["ft-matching"]["hash"]]


def test_every_variable_is_read(interface: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = {"POISON_LAB_HOME": paths.home, "POISON_LAB_DATA": paths.data, "POISON_LAB_WEIGHTS": paths.weights}
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(tmp_path / name))
        assert folder() == tmp_path / name
    assert set(interface["environment"]) <= {variable(name) for name in Settings.model_fields} | set(folders)


def test_what_was_measured_keeps_its_hashes(interface: dict[str, Any]) -> None:
    results = json.loads((ROOT / "docs" / "results.json").read_text())
    assert set(interface["results"]) <= set(results)
    specs = {spec_hash: entry["spec"] for spec_hash, entry in results.items() if "spec" in entry}
    assert len(specs) > 900
    assert all(parse_spec(spec).hash == spec_hash for spec_hash, spec in specs.items())


def test_what_ships_keeps_its_hashes(interface: dict[str, Any]) -> None:
    for spec_hash in interface["gallery"]:
        result = json.loads((paths.GALLERY / spec_hash / "result.json").read_text())
        assert parse_spec(result["spec"]).hash == result["spec_hash"] == spec_hash
