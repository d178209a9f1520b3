"""The user's own images: `image-folder:PATH`, a folder or a zip with one folder of images per class.

`core.data.tree` says which files are images of which class, `core.data.pictures` what their pixels are, and
`core.data.decoding` keeps those of many images. A resolved name ends with `#` and 16 digits of a SHA-256 over all
images and the version of their reader: different images, or the same read differently, are different data. At which
side an experiment has them is said by its spec.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import decoding, naming, sources, tree
from core.data.registry import DataInfo
from core.data.sources import File, Listing
from core.data.stored import Images, StoredImages
from core.spec.sides import LEAST_SIDE, MOST_SIDE, SIDE
from core.system.errors import DataError, SpecError
from core.system.numbers import counted, named

READER_VERSION = 2
"""Increment it when the same files would give other images, labels or another split: earlier runs keep their names, and
are not served for what is read now. See `core.data.naming` on what version 2 reads as version 1 did."""
MIN_IMAGES_PER_CLASS = 10
MAX_IMAGES = 100_000
TEST_SHARE = 0.3
_NAME = re.compile(r"image-folder:(.+?)(?:#([0-9a-f]{16}))?")


@dataclass(frozen=True)
class Folder:
    """The content of an image folder.

    Attributes:
        classes: names of the c classes.
        x: (N, 3, 64, 64) uint8 images, not to be changed; `images` has them at another side.
        y: (N,) int64 labels.
        is_test: (N,) bool, whether an image belongs to the test set.
        digests: names of this content by each version of the reader, up to the current one; "" if unknown.
        notes: what was read and how, and what was passed over, in sentences.
        own_side: median of the shorter sides of the images in their files, in pixels, within the sides that can be
            asked for.
        files: of the images.
        contents: SHA-256 of each file.
    """

    classes: tuple[str, ...]
    x: Images
    y: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    digests: tuple[str, ...]
    notes: tuple[str, ...]
    own_side: int
    files: tuple[File, ...]
    contents: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The digits that name this content as the current reader reads it."""
        return self.digests[-1]


def info(name: str) -> DataInfo:
    """The record of user-supplied images, with its name resolved.

    Raises:
        SpecError: the name is not image-folder:PATH.
        DataError: see `load`, or the images have changed since the name was resolved.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SpecError(f"Data {name!r} can't be read. Allowed: image-folder:PATH, a folder or a zip.")
    path, expected = Path(match[1]).expanduser().absolute(), match[2]
    folder = load(path)
    if expected in folder.digests and expected != folder.digest:
        raise DataError(
            f"The images of {path} are those of {expected}, which version {folder.digests.index(expected) + 1} of the "
            f"reader has read; version {READER_VERSION} reads them differently, so that a run would give another "
            "result. Earlier results still open; to run the images as they are read now, leave out the # and what "
            "follows it."
        )
    if expected not in (None, folder.digest):
        raise DataError(f"The images of {path} have changed since: their SHA-256 does not begin with {expected}.")
    return DataInfo(
        name=f"image-folder:{path}#{folder.digest}",
        title=path.stem,
        classes=folder.classes,
        shape=(3, SIDE, SIDE),
        train_images=int((~folder.is_test).sum()),
        test_images=int(folder.is_test.sum()),
        licence="yours",
        source=str(path),
        embedded=False,
        notes=folder.notes,
        own_side=folder.own_side,
    )


def read(record: DataInfo, part: str, side: int = SIDE) -> tuple[StoredImages, NDArray[np.int64]]:
    """Images and labels of one part.

    Args:
        record: of the images.
        part: "train" or "test".
        side: of the images, in pixels.

    Returns:
        Images (N, 3, side, side) uint8, on disk if there are many, and labels (N,) int64.

    Raises:
        DataError: see `load`.
    """
    path = Path(record.source)
    folder = load(path)
    rows = folder.is_test if part == "test" else ~folder.is_test
    return images(path, side).select(rows), folder.y[rows]


def images(path: Path, side: int = SIDE) -> StoredImages:
    """All images (N, 3, side, side) uint8 of a folder or a zip, in the order of `load`.

    Args:
        path: of the folder or the zip.
        side: in pixels.

    Raises:
        DataError: see `load`.
    """
    return StoredImages(load(path).x if side == SIDE else _pixels(path, sources.listing(path), READER_VERSION, side))


def load(path: Path) -> Folder:
    """Read and check a folder or a zip; cached in memory while its files do not change.

    Raises:
        DataError: names what is wrong, and in which file.
    """
    return _load(path, sources.listing(path), READER_VERSION)


def is_read_as_by(path: Path, version: int) -> bool:
    """Whether a folder or a zip gives what a version of the reader gave; False if it can't be read any more."""
    try:
        folder = load(path)
    except DataError:
        return False
    return 0 < version <= len(folder.digests) and folder.digests[version - 1] == folder.digest


@lru_cache(maxsize=4)
def _load(path: Path, listing: Listing, version: int) -> Folder:
    arranged = tree.arrange((file.name for file in listing.files), listing.folders, str(path))
    images = arranged.images
    classes = tuple(sorted({image.label for image in images}))
    _check_counts(path, classes, arranged)
    first = naming.first_order(listing)
    file_of = {file.name: file for file in listing.files}
    files = tuple(file_of[image.name] for image in images)
    scan = decoding.scan(path, files, version)
    digest_of = dict(zip((file.name for file in files), scan.digests, strict=True))
    if others := [file for _, file in first if file.name not in digest_of]:
        with sources.opened(path) as content_of:
            naming.add_digests(others, digest_of, content_of)
    y = np.array([classes.index(image.label) for image in images], np.int64)
    _check_spread(path, classes, scan.facts, y)
    has_split = any(image.part for image in images)
    is_test = np.array([image.part == "test" for image in images]) if has_split else _test_rows(y, scan.digests)
    _check_parts(path, classes, y, is_test)
    is_as_before = not has_split and bool(scan.facts["is_as_before"].all())
    before = [(label, digest_of.get(file.name, "")) for label, file in first]
    now = [(f"{image.part}:{image.label}" if has_split else image.label, digest_of[image.name]) for image in images]
    names = naming.digests(before, now, is_as_before=is_as_before, version=version)
    notes = (*arranged.notes, *_told(scan.facts), *_copies(scan.facts, is_test, has_split))
    own_side = int(np.clip(np.median(scan.facts["own_side"]), LEAST_SIDE, MOST_SIDE))
    return Folder(classes, scan.x, y, is_test, names, notes, own_side, files, scan.digests)


@lru_cache(maxsize=4)
def _pixels(path: Path, listing: Listing, version: int, side: int) -> Images:
    folder = _load(path, listing, version)
    return decoding.pixels(path, folder.files, folder.contents, side, version)


def _check_counts(path: Path, classes: tuple[str, ...], arranged: tree.Tree) -> None:
    if len(arranged.images) > MAX_IMAGES:
        raise DataError(f"{path} holds {len(arranged.images)} images; at most {MAX_IMAGES} are allowed.")
    if len(classes) < 2:
        number = "one class" if classes else "no classes"
        raise DataError(
            f"{path} holds {number} of images; two or more are needed: one folder for each class, with "
            f"{', '.join(tree.SUFFIXES)} in it. {' '.join(arranged.notes)}".rstrip()
        )
    counts = Counter(image.label for image in arranged.images)
    for label in classes:
        if counts[label] < MIN_IMAGES_PER_CLASS:
            raise DataError(
                f"Class {label!r} of {path} has {counted(counts[label], 'image')}; at least {MIN_IMAGES_PER_CLASS} "
                "are needed."
            )


def _check_spread(path: Path, classes: tuple[str, ...], facts: NDArray[np.void], y: NDArray[np.int64]) -> None:
    """Refuse images that show nothing: a class of plain colours, or the same image everywhere."""
    for i, label in enumerate(classes):
        if facts["is_plain"][y == i].all():
            raise DataError(
                f"Every image of class {label!r} of {path} is of one colour, so that there is nothing to see on them: "
                "check how they were saved, and remove the class if they are meant so."
            )
    if (facts["look"] == facts["look"][0]).all():
        raise DataError(
            f"All images of {path} are the same once they are cropped and resized: check how they were saved."
        )


def _check_parts(path: Path, classes: tuple[str, ...], y: NDArray[np.int64], is_test: NDArray[np.bool_]) -> None:
    """Refuse a split without a class; copies of an image share a side, so that a class of copies has only one."""
    for part, rows in (("training", ~is_test), ("test", is_test)):
        if missing := sorted(set(range(len(classes))) - set(y[rows].tolist())):
            raise DataError(
                f"Class {classes[missing[0]]!r} of {path} has no image in the {part} part, because too many of its "
                "images are copies, which are kept on one side: add different images, or remove the class."
            )


def _test_rows(y: NDArray[np.int64], digests: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) bool: about three tenths of every class, chosen by content, so that copies of an image share a side."""
    is_test = np.zeros(len(y), bool)
    sides: dict[str, bool] = {}
    for label in np.unique(y):
        rows = sorted(np.flatnonzero(y == label).tolist(), key=digests.__getitem__)
        count = round(TEST_SHARE * len(rows))
        for place, row in enumerate(rows):
            is_test[row] = sides.setdefault(digests[row], place < count)
    return is_test


def _told(facts: NDArray[np.void]) -> list[str]:
    """What was done to images, in sentences."""
    notes = []
    if count := int(facts["is_transparent"].sum()):
        notes.append(f"{counted(count, 'image')} {named(count, 'has', 'have')} transparency: laid on white.")
    if count := int(facts["is_deep"].sum()):
        limit = (
            f"; the brightest grey value is {brightest:,} of 65,535"
            if (brightest := int(facts["brightest"].max()))
            else ""
        )
        notes.append(f"{counted(count, 'image')} {named(count, 'has', 'have')} 16 bits a channel: scaled to 8{limit}.")
    if count := int(facts["is_animated"].sum()):
        notes.append(
            f"{counted(count, 'image')} {named(count, 'is', 'are')} the first of an animation or a file of several."
        )
    return notes


def _copies(facts: NDArray[np.void], is_test: NDArray[np.bool_], has_split: bool) -> list[str]:
    """A sentence on test images of a published split that are training images, too."""
    if not has_split:
        return []
    count = int(np.isin(facts["look"][is_test], facts["look"][~is_test]).sum())
    number = (
        "1 test image is also a training image" if count == 1 else f"{count:,} test images are also training images"
    )
    return [f"{number}: accuracy on them says nothing about new images."] if count else []
