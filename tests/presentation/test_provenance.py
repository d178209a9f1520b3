"""Results of before say which version made them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalog.choices import resolve
from core.data import folders
from core.experiments.summary import RunSummary
from core.presentation import provenance
from core.presentation.method import computed
from core.presentation.provenance import made_by
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.paths import GALLERY
from core.system.versions import __version__
from tests.drawn import drawn_result
from tests.pictures import pets


def summary(spec: ExperimentSpec, version: str) -> RunSummary:
    drawn = drawn_result(resolve(parse_spec({"train_size": 40, "test_size": 20}))).summary()
    return replace(drawn, spec=spec, spec_hash=spec.hash, versions={"Poison Lab": version} if version else {})


def test_a_run_of_this_version_has_no_note() -> None:
    assert made_by(summary(resolve(parse_spec({})), __version__)) == ""


def test_a_run_of_another_version_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__version__", "0.7.0")
    spec = resolve(parse_spec({}))
    assert made_by(summary(spec, "0.1.0")) == "made by version 0.1.0 of Poison Lab; this is version 0.7.0"
    assert made_by(summary(spec, "")) == "made by an unrecorded version of Poison Lab; this is version 0.7.0"


def test_a_run_that_can_not_be_asked_for_again_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in pets(20).items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(content)
    spec = resolve(parse_spec({"data": f"image-folder:{tmp_path / 'pets'}", "train_size": 20, "test_size": 10}))
    assert made_by(summary(spec, __version__)) == ""
    monkeypatch.setattr(folders, "READER_VERSION", 3)
    note = f"made by version {__version__} of Poison Lab; it can't be rerun unchanged"
    assert made_by(summary(spec, __version__)) == note


def test_what_ships_can_be_asked_for_again() -> None:
    for path in GALLERY.glob("*/result.json"):
        assert "can't be run again" not in made_by(RunSummary.from_json(json.loads(path.read_text())))


def test_the_report_has_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = resolve(parse_spec({}))
    assert "Version" not in dict(computed(summary(spec, __version__)))
    monkeypatch.setattr(provenance, "__version__", "0.7.0")
    note = "Made by version 0.1.0 of Poison Lab; this is version 0.7.0"
    assert dict(computed(summary(spec, "0.1.0")))["Version"] == note
