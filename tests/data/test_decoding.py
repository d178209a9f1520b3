"""Many images are decoded once, into files named by content, and are the images whatever becomes of those."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from core.data import decoding, folders, pictures
from core.spec.sides import SIDE
from core.system import cache, paths
from core.system.errors import DataError
from tests.pictures import as_folder, as_zip, pets, picture, see_through


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(decoding, "LEAST_BYTES", 0)
    monkeypatch.setattr(decoding, "BLOCK", 5)
    monkeypatch.setattr(cache, "MEMORY_MAP_BYTES", 0)
    return tmp_path / "home"


def kept() -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (paths.cache() / "images").glob("*.npy"))


def forget() -> None:
    """What a new process does not know."""
    folders._load.cache_clear()
    folders._pixels.cache_clear()
    cache._VERIFIED.clear()


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is decoded from now on."""
    names: list[str] = []
    read = pictures.read
    monkeypatch.setattr(
        pictures, "read", lambda content, where, side: names.append(where) or read(content, where, side)
    )
    return names


def expected(path: Path, side: int) -> np.ndarray:
    """The images of a folder in the order of classes and names, by pillow alone."""
    files = sorted(path.rglob("*.png"), key=lambda file: (file.parent.name, file.relative_to(path).as_posix()))
    images = [ImageOps.fit(Image.open(file).convert("RGB"), (side, side), Image.Resampling.BILINEAR) for file in files]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


@pytest.mark.parametrize("side", [8, 20, SIDE, 97, 224])
def test_images_are_those_of_their_files_at_any_side(side: int, tmp_path: Path) -> None:
    path = as_folder(pets(), tmp_path)
    images = folders.images(path, side)
    assert images.shape == (24, 3, side, side)
    np.testing.assert_array_equal(np.asarray(images), expected(path, side))
    assert isinstance(images._pixels, np.memmap)
    assert kept() == sorted({"facts.npy", "64.npy", f"{side}.npy"})
    other = folders.images(as_zip(pets(), tmp_path), side)
    np.testing.assert_array_equal(np.asarray(other), np.asarray(images))


def test_few_images_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    path = as_folder(pets(), tmp_path)
    np.testing.assert_array_equal(np.asarray(folders.images(path, 40)), expected(path, 40))
    assert kept() == []


def test_what_is_kept_is_not_decoded_again_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {**pets(), "cats/x.png": see_through(1)}
    first = folders.load(as_folder(files, tmp_path))
    large = np.asarray(folders.images(as_folder(files, tmp_path), 80))
    forget()
    names = decoded(monkeypatch)
    again = folders.load(as_zip(files, tmp_path / "pets"))
    assert (again.notes, again.digests, again.own_side) == (first.notes, first.digests, first.own_side)
    np.testing.assert_array_equal(again.x, first.x)
    np.testing.assert_array_equal(np.asarray(folders.images(tmp_path / "pets" / "pets.zip", 80)), large)
    assert names == []


def test_other_images_and_another_reader_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_folder(pets(), tmp_path)
    before = folders.load(path).x
    (path / "cats" / "0.png").write_bytes(picture(999))
    after = folders.load(path).x
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])
    monkeypatch.setattr(folders, "READER_VERSION", 3)
    folders.load(path)
    assert kept() == ["64.npy"] * 3 + ["facts.npy"] * 3


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [damage, Path.unlink, lambda file: os.truncate(file, 100)])
@pytest.mark.parametrize("what", ["64", "80", "facts"])
def test_what_is_damaged_is_made_again(what: str, harm: Callable[[Path], None], tmp_path: Path) -> None:
    path = as_folder(pets(), tmp_path)
    folders.images(path, 80)
    (file,) = (paths.cache() / "images").glob(f"*-{what}.npy")
    harm(file)
    forget()
    assert folders.load(path).own_side == 20
    for side in (SIDE, 80):
        np.testing.assert_array_equal(np.asarray(folders.images(path, side)), expected(path, side))
    assert kept() == ["64.npy", "80.npy", "facts.npy"]


def test_a_cache_that_can_not_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("no folder")
    path = as_folder(pets(), tmp_path)
    for side in (SIDE, 80):
        images = folders.images(path, side)
        np.testing.assert_array_equal(np.asarray(images), expected(path, side))


def test_images_that_fit_neither_disk_nor_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("no folder")
    path = as_folder(pets(), tmp_path)
    monkeypatch.setattr(decoding, "MOST_IN_MEMORY", 24 * 3 * 80 * 80)
    assert folders.images(path, 80).shape == (24, 3, 80, 80)
    with pytest.raises(
        DataError, match=r"^The images take 0\.5 MB, which can't be written to .*/images \(.*\): make room"
    ):
        folders.images(path, 81)


def test_images_that_would_fill_the_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_folder(pets(), tmp_path)
    monkeypatch.setattr(decoding, "MOST_BYTES", 24 * 3 * 80 * 80)
    assert folders.images(path, 80).shape == (24, 3, 80, 80)
    with pytest.raises(
        DataError, match=r"^24 images of .*pets at 81 × 81 pixels take 0\.5 MB; at most 0\.5 MB are allowed"
    ):
        folders.images(path, 81)
    assert kept() == ["64.npy", "80.npy", "facts.npy"]


def test_a_decoding_that_stops_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_folder(pets(), tmp_path)
    read, count = pictures.read, iter(range(100))

    def fails(content: bytes, where: str, side: int) -> pictures.Picture:
        if next(count) == 13:
            raise KeyboardInterrupt
        return read(content, where, side)

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "read", fails)
        with pytest.raises(KeyboardInterrupt):
            folders.load(path)
    assert [file.name for file in paths.cache().rglob("*") if file.is_file()] == []
    np.testing.assert_array_equal(folders.load(path).x, expected(path, SIDE))


def test_a_file_that_changes_between_its_digest_and_its_pixels_is_refused(tmp_path: Path) -> None:
    path = as_folder(pets(), tmp_path)
    folder = folders.load(path)
    (path / "dogs" / "3.png").write_bytes(picture(999))
    with pytest.raises(DataError, match=r"^'?dogs/3.png'? of .*pets has changed while it was read"):
        decoding.pixels(path, folder.files, folder.contents, 80, 2)
    assert kept() == ["64.npy", "facts.npy"]


def test_kept_images_are_cached_files_that_can_be_deleted(tmp_path: Path) -> None:
    images = folders.images(as_folder(pets(), tmp_path), 80)
    names = {entry.name.rpartition("-")[2] for entry in cache.entries()}
    assert names == {"64.npy", "80.npy", "facts.npy"}
    before = np.asarray(images).copy()
    for entry in cache.entries():
        (paths.cache() / entry.name).unlink()
    np.testing.assert_array_equal(np.asarray(images), before)


def test_the_own_side_is_the_median_within_what_can_be_asked_for(tmp_path: Path) -> None:
    def side_of(*sizes: tuple[int, int]) -> int:
        files = {
            f"{c}/{i}.png": picture(i + 50 * k, size=sizes[i % len(sizes)])
            for k, c in enumerate("ab")
            for i in range(12)
        }
        return folders.load(as_folder(files, tmp_path / str(sizes))).own_side

    assert side_of((30, 50), (90, 40), (400, 41)) == 40
    assert side_of((300, 500)) == 224
    assert side_of((5, 500)) == 8
