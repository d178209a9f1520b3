"""A run's folder: every file's content, its bytes the same twice, and there whole or not at all."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.experiments import run_folder
from core.experiments.result import Result
from core.experiments.run_folder import write_npz
from tests.fakes import tiny_result, tiny_spec

FILES = {
    "result.json",
    "features.npz",
    "poison.npz",
    "view.npz",
    "poison/labels.csv",
    "poison/00000.png",
    "poison/00001.png",
}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def result() -> Result:
    return tiny_result(tiny_spec())


@pytest.fixture
def folder(result: Result, tmp_path: Path) -> Path:
    run_folder.write(result, tmp_path / "new" / "run")
    return tmp_path / "new" / "run"


def test_every_file_is_there_with_its_checksum(folder: Path) -> None:
    assert files(folder) == FILES | {"manifest.json"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest.keys() == FILES
    for name, digest in manifest.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert list(folder.parent.iterdir()) == [folder], "no work folder is left behind"


def test_summary_has_the_promised_keys(result: Result, folder: Path) -> None:
    summary = json.loads((folder / "result.json").read_text())
    assert summary == result.summary().to_json()
    assert summary.keys() >= {
        "spec", "spec_hash", "device", "n_train", "n_poison", "lambda", "clean", "target", "stage2", "poisoned",
        "inversion_gap", "seconds",
    }  # fmt: skip
    assert summary["spec_hash"] == result.spec.hash
    assert (summary["n_train"], summary["n_test"], summary["n_poison"]) == (20, 20, 2)
    assert summary["lambda"] == result.spec.ridge
    assert summary["clean"] == {
        **{"accuracy": 0.9, "per_class": [0.9, 0.9], "confusion": None},
        **{"lost": None, "gained": None},
    }
    assert summary["target"] is None


def test_arrays_are_kept(result: Result, folder: Path) -> None:
    assert result.plot is not None
    for name, arrays in (("features", result.features), ("view", result.plot.to_arrays())):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
            assert set(stored.files) == arrays.keys()
            for key, array in arrays.items():
                np.testing.assert_array_equal(stored[key], array)
    with np.load(folder / "poison.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["x"], result.poison.x)
        np.testing.assert_array_equal(stored["y"], result.poison.y)
        np.testing.assert_array_equal(stored["base_index"], result.poison.base_index)
        assert stored["x"].dtype == np.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_the_pixels(channels: int, result: Result, tmp_path: Path) -> None:
    x = (np.random.default_rng(0).integers(0, 256, (2, channels, 8, 6)) / 255).astype(np.float32)
    run_folder.write(replace(result, poison=replace(result.poison, x=x)), tmp_path / "run")
    for i in range(2):
        with Image.open(tmp_path / "run" / "poison" / f"{i:05d}.png") as image:
            pixels = np.asarray(image)
        assert pixels.dtype == np.uint8
        expected = x[i, 0] if channels == 1 else np.moveaxis(x[i], 0, -1)
        np.testing.assert_array_equal(pixels, np.rint(expected * 255))


def test_labels_are_in_a_table(result: Result, folder: Path) -> None:
    with (folder / "poison" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["00000.png", "00001.png"]
    assert [int(row["label"]) for row in rows] == result.poison.y.tolist()
    assert [row["class"] for row in rows] == [result.classes[label] for label in result.poison.y]
    assert [int(row["base_index"]) for row in rows] == result.poison.base_index.tolist()


def test_an_attack_without_images_writes_none(result: Result, tmp_path: Path) -> None:
    run_folder.write(replace(result, poison=replace(result.poison, x=None)), tmp_path / "run")
    assert not (tmp_path / "run" / "poison").exists()
    with np.load(tmp_path / "run" / "poison.npz") as stored:
        assert set(stored.files) == {"y", "base_index"}


def test_a_run_without_a_map_has_no_arrays_to_draw(result: Result, tmp_path: Path) -> None:
    run_folder.write(replace(result, plot=None), tmp_path / "run")
    with np.load(tmp_path / "run" / "view.npz") as stored:
        assert stored.files == []


def test_features_can_be_left_out(result: Result, tmp_path: Path) -> None:
    run_folder.write(result, tmp_path / "run", with_features=False)
    assert files(tmp_path / "run") == (FILES | {"manifest.json"}) - {"features.npz"}
    assert "features.npz" not in json.loads((tmp_path / "run" / "manifest.json").read_text())


def test_two_writes_are_the_same_to_the_byte(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 2e9)
    run_folder.write(tiny_result(tiny_spec()), tmp_path / "again")
    for name in FILES | {"manifest.json"}:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_npz_is_read_by_numpy_and_carries_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.float32(2.5), "c": np.array(["x", "yy"])}
    write_npz(tmp_path / "one.npz", arrays)
    monkeypatch.setattr("time.localtime", lambda *_: (2040, 1, 1, 0, 0, 0, 0, 0, 0))
    write_npz(tmp_path / "two.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as stored:
        for key, array in arrays.items():
            np.testing.assert_array_equal(stored[key], array)
            assert stored[key].dtype == np.asarray(array).dtype
    with pytest.raises(ValueError, match="allow_pickle"):
        write_npz(tmp_path / "three.npz", {"a": np.array([object()])})


def test_an_earlier_run_is_replaced_whole(folder: Path) -> None:
    (folder / "poison" / "00009.png").write_bytes(b"of an earlier, larger run")
    run_folder.write(tiny_result(tiny_spec(1)), folder)
    assert files(folder) == FILES | {"manifest.json"}
    assert json.loads((folder / "result.json").read_text())["spec"]["seed"] == 1
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("at", ["write_npz", "write_json", "checksums"])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_write_that_fails_changes_nothing(
    at: str, earlier: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "run"
    if earlier:
        run_folder.write(tiny_result(tiny_spec()), target)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run_folder, at, fail)
    with pytest.raises(OSError, match="disk full"):
        run_folder.write(tiny_result(tiny_spec(1)), target)
    assert list(tmp_path.iterdir()) == ([target] if earlier else [])
    if earlier:
        assert json.loads((target / "result.json").read_text())["spec"]["seed"] == 0
