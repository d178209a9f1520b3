"""The cache may lie, break or be full: the run goes on."""

import os
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from core.system import cache


def test_what_is_written_is_read(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    cache.write(tmp_path / "deep" / "a.npy", array)
    matrix = cache.read_matrix(tmp_path / "deep" / "a.npy", 3)
    assert matrix is not None
    np.testing.assert_array_equal(matrix, array)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.npy"]


def test_files_of_homes_that_exist_are_read(tmp_path: Path) -> None:
    """A file is NumPy's own, or the bytes, and then the mark and the CRC-32 of all before in hexadecimal digits."""
    array, content = np.arange(6, dtype=np.float32).reshape(3, 2), BytesIO()
    np.save(content, array)
    for name, before in (("a.npy", content.getvalue()), ("a.json", b"{}")):
        (tmp_path / name).write_bytes(before + b"\nCRC32 " + f"{zlib.crc32(before):08x}".encode())
    np.testing.assert_array_equal(cache.read_matrix(tmp_path / "a.npy", 3), array)
    assert cache.read_bytes(tmp_path / "a.json") == b"{}"
    cache.write(tmp_path / "b.npy", array)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()
    cache.write_in_parts(tmp_path / "c.npy", lambda: iter([array[:1], array[1:]]), (3, 2))
    assert (tmp_path / "c.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"PK\x03\x04nonsense", b"\x93NUMPY\x01\x00"], ids=["empty", "text", "zip", "cut"]
)
def test_damaged_files_are_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert cache.read_matrix(tmp_path / "a.npy", 3) is None


@pytest.mark.parametrize("array", [np.asarray(3, np.float32), np.zeros(3, np.float32), np.zeros((2, 2), np.float32)])
def test_other_shapes_are_as_good_as_none(tmp_path: Path, array: np.ndarray) -> None:
    cache.write(tmp_path / "a.npy", array)
    assert cache.read_bytes(tmp_path / "a.npy") is not None
    assert cache.read_matrix(tmp_path / "a.npy", 3) is None


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("place", [20, 140, -25, -1], ids=["header", "first", "last", "checksum"])
def test_a_flipped_bit_is_found_and_the_file_set_aside(
    place: int, mapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    if mapped:
        monkeypatch.setattr(cache, "MEMORY_MAP_BYTES", 0)
    path = tmp_path / "cache" / "features" / "a.npy"
    array = np.arange(30, dtype=np.float32).reshape(3, 10)
    kept = cache.write_in_parts(path, lambda: iter([array[:2], array[2:]]), (3, 10))
    assert isinstance(kept, np.memmap) == mapped
    np.testing.assert_array_equal(kept, array)
    del kept
    _flip(path, place)
    assert cache.read_matrix(path, 3) is None
    assert not path.exists()
    assert (tmp_path / "cache" / "damaged" / "a.npy").exists()
    assert "is damaged: it is recomputed" in caplog.text
    cache.write(path, array)
    np.testing.assert_array_equal(cache.read_matrix(path, 3), array)


def test_a_cut_file_is_found(tmp_path: Path) -> None:
    cache.write(tmp_path / "a", b"some words")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-1])
    assert cache.read_bytes(tmp_path / "a") is None
    cache.write(tmp_path / "a", b"some words")
    assert cache.read_bytes(tmp_path / "a") == b"some words"


def test_a_file_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.ones((3, 2), np.float32)
    cache.write(tmp_path / "a.npy", array)
    assert cache.read_matrix(tmp_path / "a.npy", 3) is not None
    monkeypatch.setattr(cache, "_trailer", lambda checksum: pytest.fail("checked twice"))
    assert cache.read_matrix(tmp_path / "a.npy", 3) is not None


def test_a_place_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache.write(tmp_path / "file" / "a.npy", np.zeros((1, 1), np.float32))
    assert "can't be written" in caplog.text


def files(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three cached files, the first of which was used last three hours ago, the others later."""
    monkeypatch.setenv("POISON_LAB_HOME", str(home))
    cached = [home / "cache" / kind / "a.npy" for kind in ("features", "maps", "decoders")]
    for hours, path in zip((4, 3, 2), cached, strict=True):
        cache.write(path, np.ones((2, 2), np.float32))
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    return cached


def test_what_was_used_least_recently_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, monkeypatch)
    assert cache.read_matrix(paths[0], 2) is not None
    limit = sum(entry.size for entry in cache.entries()) - 1
    assert [entry.name for entry in cache.clean(limit, dry_run=True).deleted] == ["maps/a.npy"]
    assert [path.exists() for path in paths] == [True, True, True]
    assert [entry.name for entry in cache.clean(limit).deleted] == ["maps/a.npy"]
    assert [entry.name for entry in cache.clean(0).deleted] == ["decoders/a.npy"], "the first was just used"
    assert [path.exists() for path in paths] == [True, False, False]
    assert cache.read_matrix(paths[1], 2) is None


def test_a_mapped_file_that_goes_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MEMORY_MAP_BYTES", 1)
    paths = files(tmp_path, monkeypatch)
    matrix = cache.read_matrix(paths[0], 2)
    os.utime(paths[0], (0, 0))
    assert len(cache.clean(0).deleted) == 3
    assert matrix is not None
    np.testing.assert_array_equal(matrix, np.ones((2, 2), np.float32))


def test_what_ships_is_read_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, monkeypatch)
    cache.write(tmp_path / "shipped.npy", np.ones((2, 2), np.float32))
    os.utime(tmp_path / "shipped.npy", (5, 5))
    assert cache.read_matrix(tmp_path / "shipped.npy", 2) is not None
    assert (tmp_path / "shipped.npy").stat().st_mtime == 5


def test_a_file_that_cannot_be_deleted_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    paths = files(tmp_path, monkeypatch)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    assert cache.clean(0).deleted == ()
    assert "can't be deleted" in caplog.text
    assert all(path.exists() for path in paths)


def test_without_a_cache_there_is_nothing_to_delete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "none"))
    assert cache.clean(0).deleted == ()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_cached(tmp_path: Path, value: float, caplog: pytest.LogCaptureFixture) -> None:
    array = np.array([[0.0, 1.0], [value, 2.0]], np.float32)
    cache.write(tmp_path / "a.npy", array)
    again = cache.write_in_parts(tmp_path / "b.npy", lambda: iter([array[:1], array[1:]]), (2, 2))
    np.testing.assert_array_equal(again, array)
    assert list(tmp_path.iterdir()) == []
    assert caplog.text.count("not all finite") == 2


def test_what_an_earlier_version_cached_though_it_is_not_finite_is_recomputed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npy"
    with monkeypatch.context() as patch:
        patch.setattr(cache, "is_finite", lambda array: True)
        cache.write(path, np.array([[np.nan, 1.0]], np.float32))
        assert cache.read_matrix(path, 1) is not None
    assert cache.read_matrix(path, 1) is None
