"""Files of features: what is read of each format, how it is divided, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import feature_files
from core.data.split import draw
from core.system.arrays import Array
from core.system.errors import DataError, SpecError


def arrays(n: int = 30, width: int = 5, classes: int = 3) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % classes
    z = rng.normal(size=(n, width)).astype(np.float32)
    return {
        "train_features": z[: n // 2],
        "train_labels": y[: n // 2],
        "test_features": z[n // 2 :],
        "test_labels": y[n // 2 :],
    }


def npz(path: Path, **values: Array) -> Path:
    np.savez(path, **values)
    return path


def test_an_npz_is_read_as_it_is(tmp_path: Path) -> None:
    values = arrays()
    path = npz(
        tmp_path / "a.npz",
        **values,
        classes=np.array(["cat", "dog", "emu"]),
        train_ids=np.arange(15),
        test_ids=np.arange(15, 30),
        extra=np.zeros(2),
    )
    read = feature_files.load(path)
    assert read.classes == ("cat", "dog", "emu")
    assert np.array_equal(read.z, np.concatenate([values["train_features"], values["test_features"]]))
    assert np.array_equal(read.y, np.arange(30) % 3)
    assert np.array_equal(np.flatnonzero(read.is_test), np.arange(15, 30))
    assert read.ids[17] == "17"
    assert "The array 'extra' was not used." in read.notes
    record = feature_files.info(f"features:{path}")
    assert (record.train_images, record.test_images, record.width) == (15, 15, 5)
    assert feature_files.info(record.name) == record


def test_formats_agree(tmp_path: Path) -> None:
    values = arrays()
    frame = pd.DataFrame(np.concatenate([values["train_features"], values["test_features"]]))
    frame.columns = [f"f{i}" for i in range(5)]
    frame["label"] = ["abc"[i % 3] for i in range(30)]
    frame["split"] = ["train"] * 15 + ["test"] * 15
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False, float_format="%.9g")
    lists = frame[["label", "split"]].assign(features=list(frame.iloc[:, :5].to_numpy()))
    lists.to_parquet(tmp_path / "lists.parquet")
    first, *others = (feature_files.load(tmp_path / name) for name in ("a.parquet", "a.csv", "lists.parquet"))
    assert first.classes == ("a", "b", "c")
    assert all(other.digest == first.digest for other in others)


def test_an_undivided_file_keeps_copies_on_one_side(tmp_path: Path) -> None:
    z = np.random.default_rng(1).normal(size=(100, 4)).astype(np.float32)
    z[50:] = z[:50]
    read = feature_files.load(npz(tmp_path / "a.npz", features=z, labels=np.tile(np.arange(2), 50)))
    assert np.array_equal(read.is_test[:50], read.is_test[50:])
    assert read.is_test.sum() == 32  # 15 of each 50, and the copy that the last one brings along
    repeated = next(note for note in read.notes if "repeat" in note)
    assert repeated == "34 training points repeat another."


def test_copies_across_the_parts_and_contradictions_are_told(tmp_path: Path) -> None:
    values = arrays()
    values["train_features"][3] = values["train_features"][0]
    values["train_features"][4] = values["train_features"][0]
    values["test_features"][0] = values["train_features"][0]
    notes = feature_files.load(npz(tmp_path / "a.npz", **values)).notes
    assert "2 training points repeat another; 1 of them under another label." in notes
    assert any(note.startswith("1 test point is also a training point") for note in notes)


def broken(values: dict[str, Array], name: str) -> dict[str, Array]:
    if name == "not finite":
        values["train_features"][2, 1] = np.nan
    elif name == "overflow":
        values["test_features"] = values["test_features"].astype(np.float64)
        values["test_features"][2, 1] = 1e300
    elif name == "lengths":
        values["train_labels"] = values["train_labels"][:-1]
    elif name == "widths":
        values["test_features"] = values["test_features"][:, :-1]
    elif name == "class":
        values["test_labels"][:] = values["test_labels"] % 2
    elif name == "equal":
        values["train_features"][:] = 1
    elif name == "lacking":
        del values["test_labels"]
    elif name == "names":
        values["classes"] = np.array(["a", "b"])
    elif name == "fraction":
        values["train_labels"] = values["train_labels"] + 0.5
    return values


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not finite", "1 point of .* not finite or don't fit 32 bits, first row 2, coordinate 1"),
        ("overflow", "first row 17, coordinate 1"),
        ("lengths", r"train features of shape \(15, 5\) and labels of shape \(14,\)"),
        ("widths", "5 features to train and 4 to test"),
        ("class", "Class 2 of .* has 0 points in the test part"),
        ("equal", "the same features"),
        ("lacking", "has no labels of the test part"),
        ("names", "labels from 0 to 2 and names of 2 classes"),
        ("fraction", "labels of type float64"),
    ],
)
def test_what_can_not_be_used_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        feature_files.load(npz(tmp_path / "a.npz", **broken(arrays(), name)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"nothing")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    np.savez(tmp_path / "code.npz", train_features=np.array([{}], object), train_labels=np.zeros(1))
    for name, message in (
        ("a.npz", "is no npz"),
        ("a.csv", "no column `label`"),
        ("a.txt", "is missing"),
        ("code.npz", "can't be read as npz"),
    ):
        with pytest.raises(DataError, match=message):
            feature_files.load(tmp_path / name)
    with pytest.raises(SpecError, match="Allowed: features:FILE"):
        feature_files.info("features:")


def test_changed_features_are_other_data(tmp_path: Path) -> None:
    values = arrays()
    name = feature_files.info(f"features:{npz(tmp_path / 'a.npz', **values)}").name
    values["train_features"][0, 0] += 1
    npz(tmp_path / "a.npz", **values)
    with pytest.raises(DataError, match="have changed since"):
        feature_files.info(name)


def test_pictures_show_coordinates_in_units_of_their_spread() -> None:
    like = np.array([[-1.0, 0.0], [1.0, 4.0]], np.float32)
    drawn = feature_files.pictures(np.array([[0.0, 2.0], [3.0, -100.0]], np.float32), like)
    assert drawn.shape == (2, 1, 2, 2)
    assert drawn.reshape(2, 4).tolist() == [[128, 128, 127, 127], [255, 0, 127, 127]]


def test_a_sample_keeps_rows_and_labels_together(tmp_path: Path) -> None:
    values = arrays(60)
    record = feature_files.info(f"features:{npz(tmp_path / 'a.npz', **values)}")
    split = draw(record, train_size=20, test_size=10, seed=3)
    assert split.train_vectors is not None
    rows = [int(np.flatnonzero((values["train_features"] == z).all(1))[0]) for z in split.train_vectors]
    assert len(set(rows)) == 20
    assert np.array_equal(values["train_labels"][rows], split.train_y)
    assert split.train_x.shape == (20, 1, 3, 3)
