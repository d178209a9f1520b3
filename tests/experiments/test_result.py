"""A run's folder: every file's content, its bytes the same twice, and there whole or not at all."""

import csv
import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.experiments import result as results
from core.experiments.result import Result, chance, drop, paired_error, standard_error, to_uint8, write_npz
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
    result.write(tmp_path / "new" / "run")
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
    assert summary == result.summary()
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
    for name, arrays in (("features", result.features), ("view", result.view)):
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
    dataclasses.replace(result, poison=dataclasses.replace(result.poison, x=x)).write(tmp_path / "run")
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
    dataclasses.replace(result, poison=dataclasses.replace(result.poison, x=None)).write(tmp_path / "run")
    assert not (tmp_path / "run" / "poison").exists()
    with np.load(tmp_path / "run" / "poison.npz") as stored:
        assert set(stored.files) == {"y", "base_index"}


def test_features_can_be_left_out(result: Result, tmp_path: Path) -> None:
    result.write(tmp_path / "run", with_features=False)
    assert files(tmp_path / "run") == (FILES | {"manifest.json"}) - {"features.npz"}
    assert "features.npz" not in json.loads((tmp_path / "run" / "manifest.json").read_text())


def test_two_writes_are_the_same_to_the_byte(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 2e9)
    tiny_result(tiny_spec()).write(tmp_path / "again")
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
    tiny_result(tiny_spec(1)).write(folder)
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
        tiny_result(tiny_spec()).write(target)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(results, at, fail)
    with pytest.raises(OSError, match="disk full"):
        tiny_result(tiny_spec(1)).write(target)
    assert list(tmp_path.iterdir()) == ([target] if earlier else [])
    if earlier:
        assert json.loads((target / "result.json").read_text())["spec"]["seed"] == 0


def test_uint8_rounds_and_clips() -> None:
    x = np.array([-0.1, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 1.2])
    assert to_uint8(x).tolist() == [0, 0, 0, 1, 255, 255]
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(grey.astype(np.float32) / 255), grey)


def test_drop_and_error_are_in_points() -> None:
    result = {"clean": {"accuracy": 0.9}, "poisoned": {"accuracy": 0.8}, "n_test": 1600}
    assert drop(result) == pytest.approx(10)
    assert standard_error(result) == pytest.approx(1.0)


def told(n_test: int, lost: int, gained: int, before: int) -> dict[str, Any]:
    after = before - lost + gained
    poisoned = {"accuracy": after / n_test, "lost": lost, "gained": gained}
    return {"n_test": n_test, "clean": {"accuracy": before / n_test}, "poisoned": poisoned}


@pytest.mark.parametrize(("lost", "gained"), [(30, 9), (9, 30), (5, 5), (40, 0), (0, 0)])
def test_paired_error_is_that_of_the_mean_difference(lost: int, gained: int) -> None:
    n_test = 200
    differences = np.repeat([1.0, -1.0, 0.0], [lost, gained, n_test - lost - gained])
    expected = 100 * differences.std() / math.sqrt(n_test)
    assert paired_error(told(n_test, lost, gained, 150)) == pytest.approx(expected)


@pytest.mark.parametrize(("lost", "gained"), [(30, 9), (9, 30), (6, 5), (40, 0), (0, 0)])
def test_chance_is_a_fair_coins(lost: int, gained: int) -> None:
    """Against all sequences of tosses, counted."""
    n = lost + gained
    as_far = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(lost - gained))
    assert chance(told(200, lost, gained, 150)) == pytest.approx(as_far / 2**n)


def test_runs_that_nobody_counted_are_judged_by_two_errors() -> None:
    result = told(400, 40, 10, 300)
    del result["poisoned"]["lost"], result["poisoned"]["gained"]
    expected = math.hypot(standard_error(result, "clean"), standard_error(result))
    assert paired_error(result) == pytest.approx(expected)
    assert chance(result) == pytest.approx(math.erfc(drop(result) / expected / math.sqrt(2)))
