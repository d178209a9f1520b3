"""What ships is computed where it is missing, dropped where it is not wanted, and found again by a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.attacks.algorithms import decoders
from core.catalog.choices import resolve
from core.experiments.run import run
from core.experiments.summary import CurvePoint
from core.spec.events import Event
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage import gallery
from core.system import paths
from tests.fakes import tiny_result, tiny_spec

DECODED = {"name": "ft-decoder", "steps": 1}
SMALL = {"train_size": 40, "test_size": 20, "budget": 0.1, "label_rule": "random"}


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    specs = [resolve(parse_spec({**SMALL, "attack": attack})) for attack in ("label-flip", DECODED)]
    monkeypatch.setattr(gallery, "GROUPS", {"all": tuple(gallery.Entry("one", spec) for spec in specs)})
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    for name in ("GALLERY", "MAPS", "DECODERS"):
        monkeypatch.setattr(paths, name, tmp_path / "assets" / getattr(paths, name).name)
    monkeypatch.setattr(decoders, "PIXEL_STEPS", 10)
    monkeypatch.setattr(decoders, "BOTH_STEPS", 1)
    return tmp_path / "assets"


def test_it_builds_what_is_missing_and_drops_what_is_not_wanted(
    assets: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = assets / "gallery" / "0123456789abcdef"
    old.mkdir(parents=True)
    (old / "result.json").write_text("{}")
    stale = assets / "maps" / "0123.npy"
    stale.parent.mkdir()
    np.save(stale, np.zeros((40, 2), np.float32))
    built = list(gallery.build(assets=assets))
    assert [one.change for one in built] == ["new", "new"]
    folders = [one.folder for one in built]
    assert [folder.name for folder in folders] == [entry.spec.hash for entry in gallery.entries()]
    assert not stale.exists()
    assert sorted(path.name for path in (assets / "gallery").iterdir()) == sorted(folder.name for folder in folders)
    assert all((folder / "view.npz").exists() for folder in folders)
    assert [(folder / "features.npz").exists() for folder in folders] == [True, False]
    assert len(list((assets / "maps").iterdir())) == 1  # both on the same images
    assert len(list((assets / "decoders").iterdir())) == 1
    reported: list[Event] = []
    assert list(gallery.build(reported.append, assets)) == [gallery.GalleryChange(folder, "same") for folder in folders]
    assert reported == []
    assert [one.change for one in gallery.build(assets=assets, again=True)] == ["same", "same"]
    # Another machine has what ships and nothing cached.
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(decoders, "train", lambda *_: pytest.fail("trained anew"))
    run(gallery.entries()[1].spec, device="cpu")
    assert not (tmp_path / "elsewhere" / "cache" / "maps").exists()


def test_it_says_what_has_changed(assets: Path) -> None:
    first, *_ = list(gallery.build(assets=assets))
    path = first.folder / "result.json"
    summary = json.loads(path.read_text())
    now = summary["poisoned"]["accuracy"]
    summary["poisoned"]["accuracy"] = 0.125
    path.write_text(json.dumps(summary))
    again = list(gallery.build(assets=assets, again=True))
    assert [one.change for one in again] == [f"changed: poisoned 12.5 → {100 * now:.1f} %", "same"]
    assert json.loads(path.read_text())["poisoned"]["accuracy"] == now


def test_seconds_device_and_a_cached_decoder_are_no_change() -> None:
    first, second = CurvePoint("pixels", 1, {}), CurvePoint("pixels", 2, {})
    before = replace(tiny_result(tiny_spec()), seconds={"map": 1.0}, device="cpu", curve=[first])
    after = replace(before, seconds={"map": 2.0}, device="cuda", curve=[CurvePoint("decoder", 1, {}), first])
    assert gallery.changes(before.summary(), after.summary()) == "same"
    other = replace(before, curve=[second], notes={"gap": 1.0})
    assert gallery.changes(before.summary(), other.summary()) == "changed: notes, curve"


def test_what_ships_is_there_and_within_its_size() -> None:
    shipped = {path.parent.name for path in paths.GALLERY.glob("*/result.json")}
    assert shipped == {entry.spec.hash for entry in gallery.entries()}
    assert len(shipped) >= 24
    folders = (paths.GALLERY, paths.MAPS, paths.DECODERS)
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    assert size <= gallery.MAX_BYTES


def test_the_first_is_the_default_of_the_app() -> None:
    assert gallery.entries()[0].spec == resolve(ExperimentSpec())
