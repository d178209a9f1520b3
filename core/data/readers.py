"""Reading data sets as (N, C, H, W) uint8 arrays: one entry point, and the readers of those in assets/data."""

import csv
import functools
import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data import folders, torchvision_sets
from core.data.registry import DATA, DataInfo, is_user_supplied
from core.data.stored import Images, StoredImages
from core.spec.sides import SIDE
from core.system.errors import DataError
from core.system.paths import ASSETS

Labels = NDArray[np.int64]

_FOLDER = ASSETS / "data"


def read(record: DataInfo, part: str, domain: str | None = None) -> tuple[Images, Labels]:
    """All images of one part of a data set.

    Args:
        record: the record of the data set.
        part: "train" or "test".
        domain: which domain, for data that has domains.

    Returns:
        Images (N, C, H, W) uint8, all of them in memory, and labels (N,) int64, in a fixed order.

    Raises:
        DataError: a file of the data set is missing or damaged, and can't be fetched.
    """
    images, labels = find(record, part, domain)
    return np.asarray(images), labels


def find(
    record: DataInfo, part: str, domain: str | None = None, side: int = SIDE
) -> tuple[Images | StoredImages, Labels]:
    """Like `read`, but a user's images, which may be many, stay on disk.

    Args:
        record, part, domain: see `read`.
        side: of a user's images, in pixels; others have their own.

    Raises:
        DataError: see `read`.
    """
    if is_user_supplied(record.name):
        return folders.read(record, part, side)
    if record.name in torchvision_sets.SOURCES:
        return torchvision_sets.read(record, part)
    try:
        return _shipped(_FOLDER, record.name, part, domain)
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"Data set {record.name!r} can't be read from {_FOLDER} ({error}). Restore that folder from the repository."
        ) from error


@functools.lru_cache(maxsize=4)
def _shipped(folder: Path, name: str, part: str, domain: str | None) -> tuple[Images, Labels]:
    """Images (N, C, H, W) and labels (N,), cached: unpacking them takes longer than a small experiment."""
    arrays = _READERS[name](folder, part, domain)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _fashion_mnist(folder: Path, part: str, domain: str | None) -> tuple[Images, Labels]:
    own = folder / "FashionMNIST"
    with Image.open(own / f"{part}-images.png") as stack:  # one below the other: a tenth less than as published
        images = np.array(stack).reshape(-1, 1, 28, 28)
    with gzip.open(own / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images, labels.astype(np.int64)


def _mnist(folder: Path, part: str, domain: str | None) -> tuple[Images, Labels]:
    with np.load(folder / "mnist10k.npz", allow_pickle=False) as archive:
        images, labels = archive["X"][:, None], archive["y"].astype(np.int64)
    # The file is sorted by label: a fixed shuffle, then the first 8,000 images train.
    order = np.random.default_rng(0).permutation(len(labels))
    rows = order[:8_000] if part == "train" else order[8_000:]
    return images[rows], labels[rows]


def _emoji(folder: Path, part: str, domain: str | None) -> tuple[Images, Labels]:
    with (folder / "emoji" / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["domain"] == domain]
    side, per_row = 64, 48
    with Image.open(folder / "emoji" / f"{domain}.webp") as mosaic:
        pixels = np.asarray(mosaic.convert("RGB"))
    tiles = pixels.reshape(-1, side, per_row, side, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, side, side)
    classes = DATA["emoji"].classes
    labels = np.array([classes.index(row["class"]) for row in rows], np.int64)
    # Split by the emoji itself, so that none is trained on in one vendor's drawing and tested in another's.
    is_test = np.array([zlib.crc32(row["id"].encode()) % 10 < 3 for row in rows])
    selected = np.flatnonzero(is_test if part == "test" else ~is_test)
    return tiles[selected], labels[selected]


_READERS = {"fashion-mnist": _fashion_mnist, "mnist": _mnist, "emoji": _emoji}
