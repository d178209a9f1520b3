"""Poison from elsewhere: what is read, and what is refused with a sentence that names it."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.challenge import poison_files
from core.challenge.poison_files import OwnPoison, read_poison, write_poison
from core.system.errors import DataError

SHAPE = (1, 28, 28)


def png(value: int = 7, size: tuple[int, int] = (28, 28), mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value,) * 3).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_a_zip_as_the_lab_exports_it(tmp_path: Path) -> None:
    table = b"file,label,class,base_index\n00000.png,3,Dress,17\n00001.png,0,Top,2\n"
    path = zipped(
        tmp_path / "p.zip",
        {"poison-1/00000.png": png(255), "poison-1/00001.png": png(51), "poison-1/labels.csv": table},
    )
    poison = read_poison(path, "p.zip", SHAPE, 10)
    assert poison.x is not None
    assert poison.x.shape == (2, 1, 28, 28)
    assert (poison.x[0] == 1).all()
    assert np.allclose(poison.x[1], 0.2)
    assert poison.y.tolist() == [3, 0]
    assert poison.base is not None
    assert poison.base.tolist() == [17, 2]


def test_arrays_are_read_back(tmp_path: Path) -> None:
    poison = OwnPoison(None, np.eye(3, 4, dtype=np.float32), np.arange(3), np.array([5, 6, 7]))
    path = tmp_path / "p.npz"
    path.write_bytes(write_poison(poison))
    again = read_poison(path, "p.npz", SHAPE, 3)
    assert {name: array.tolist() for name, array in again.arrays().items()} == {
        name: array.tolist() for name, array in poison.arrays().items()
    }


def test_eight_bit_arrays_are_images(tmp_path: Path) -> None:
    path = npz(tmp_path / "p.npz", x=np.full((1, *SHAPE), 51, np.uint8), y=np.array([1], np.uint8))
    poison = read_poison(path, "p.npz", SHAPE, 3)
    assert poison.x is not None
    assert np.allclose(poison.x, 0.2)
    assert poison.base is None


TABLE = b"file,label,base_index\na.png,1,2\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.png": png()}, "0 files labels.csv"),
        ({"labels.csv": TABLE}, "not in the zip"),
        ({"labels.csv": b"file,label,base_index\n../../etc/passwd,1,2\n"}, "not in the zip"),
        ({"labels.csv": TABLE, "a.png": png(size=(29, 28))}, "29 x 28"),
        ({"labels.csv": TABLE, "a.png": png(mode="RGB")}, "mode RGB"),
        ({"labels.csv": TABLE, "a.png": b"GIF89a"}, "no PNG"),
        ({"labels.csv": TABLE, "a.png": png()[:45]}, "no PNG"),
        ({"labels.csv": TABLE.replace(b",1,", b",x,"), "a.png": png()}, "label is 'x'"),
        ({"labels.csv": TABLE.replace(b",2", b",-2"), "a.png": png()}, "base_index is '-2'"),
        ({"labels.csv": TABLE + b"a.png,1,2\n" * 10, "a.png": png()}, "11 rows"),
        ({"labels.csv": b"file,label\n"}, "0 rows"),
    ],
)
def test_a_zip_that_is_wrong_is_refused(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_poison(zipped(tmp_path / "p.zip", files), "p.zip", SHAPE, 10)


X, Y = np.zeros((2, *SHAPE), np.float32), np.array([0, 1])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": Y}, "needed: y, and x or z"),
        ({"x": X, "z": np.zeros((2, 4)), "y": Y}, "needed: y, and x or z"),
        ({"x": X[:, :, :9], "y": Y}, "shape"),
        ({"x": X, "y": Y[:1]}, "shape"),
        ({"x": X, "y": np.array([0.5, 1.0])}, "whole numbers"),
        ({"x": X.astype(str), "y": Y}, "type"),
        ({"x": X, "y": Y, "base_index": np.array([1])}, "base_index"),
        ({"x": np.array([{"a": 1}], dtype=object), "y": Y}, "no array of numbers"),
        ({"z": np.zeros((11, 4)), "y": np.zeros(11, int)}, "budget allows 1 to 10"),
    ],
)
def test_arrays_that_are_wrong_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_poison(npz(tmp_path / "p.npz", **arrays), "p.npz", SHAPE, 10)


@pytest.mark.parametrize("name", ["p.py", "p.pt", "p", "p.npz.exe"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"import os")
    with pytest.raises(DataError, match="neither a zip nor an npz"):
        read_poison(path, name, SHAPE, 10)


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="can't be read"):
        read_poison(path, "p.zip", SHAPE, 10)


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison_files, "MAX_PNG_BYTES", 1000)
    path = zipped(tmp_path / "p.zip", {"labels.csv": TABLE, "a.png": b"\x00" * 100_000})
    with pytest.raises(DataError, match="larger than"):
        read_poison(path, "p.zip", SHAPE, 10)
