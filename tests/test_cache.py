"""The cache may lie, break or be full: the run goes on."""

from pathlib import Path

import numpy as np
import pytest

from core import cache


def test_what_is_written_is_read(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    cache.write(tmp_path / "deep" / "a.npy", array)
    found = cache.read(tmp_path / "deep" / "a.npy", 3)
    assert found is not None
    np.testing.assert_array_equal(found, array)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"PK\x03\x04nonsense", b"\x93NUMPY\x01\x00"], ids=["empty", "text", "zip", "cut"]
)
def test_damaged_files_are_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert cache.read(tmp_path / "a.npy", 3) is None


@pytest.mark.parametrize("array", [np.float32(3), np.zeros(3, np.float32), np.zeros((2, 2), np.float32)])
def test_other_shapes_are_as_good_as_none(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    assert cache.read(tmp_path / "a.npy", 3) is None


def test_a_place_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache.write(tmp_path / "file" / "a.npy", np.zeros((1, 1), np.float32))
    assert "can't be written" in caplog.text
