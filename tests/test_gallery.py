"""What ships is computed where it is missing, dropped where it is not wanted, and found again by a run."""

from pathlib import Path

import pytest

from core import gallery, paths
from core.attacks import decoders
from core.catalog import resolve
from core.events import Event
from core.run import run
from core.spec import parse_spec

SMALL = {"train_size": 40, "test_size": 20, "budget": 0.1, "label_rule": "random"}


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    specs = [parse_spec({**SMALL, "attack": attack}) for attack in ("label-flip", {"name": "ft-decoder", "steps": 1})]
    monkeypatch.setattr(gallery, "SPECS", tuple(specs))
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
    folders = list(gallery.build(assets=assets))
    assert [folder.name for folder in folders] == [resolve(spec).hash for spec in gallery.SPECS]
    assert sorted(path.name for path in (assets / "gallery").iterdir()) == sorted(folder.name for folder in folders)
    assert all((folder / "view.npz").exists() and not (folder / "features.npz").exists() for folder in folders)
    assert len(list((assets / "maps").iterdir())) == 1  # both on the same images
    assert len(list((assets / "decoders").iterdir())) == 1
    told: list[Event] = []
    assert list(gallery.build(told.append, assets)) == folders
    assert told == []
    # Another machine has what ships and nothing cached.
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(decoders, "train", lambda *_: pytest.fail("trained anew"))
    run(gallery.SPECS[1], device="cpu")
    assert not (tmp_path / "elsewhere" / "cache" / "maps").exists()
