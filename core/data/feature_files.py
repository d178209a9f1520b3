"""The user's own features: `features:PATH`, a file with vectors and labels of points, for training and for the test.

`core.data.feature_tables` reads the file; here it is checked, divided and named. A resolved name ends with `#` and 16
digits of a SHA-256 over what was read and the version of the reader: other features are other data.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data import feature_tables
from core.data.feature_tables import Table
from core.data.registry import DataInfo
from core.spec.vectors import FILE
from core.system.errors import DataError, SpecError, shown
from core.system.numbers import counted

READER_VERSION = 1
"""Increment it when the same file would give other features, labels or another split."""
MAX_POINTS = 1_000_000
MAX_WIDTH = 65_536
MAX_CLASSES = 1_000
LEAST_TRAIN, LEAST_TEST = 2, 1
"""Points that each class needs in each part."""
TEST_SHARE = 0.3
SIDE = 32
"""Most coordinates that a side of a vector's picture shows."""
_NAME = re.compile(rf"{FILE}(.+?)(?:#([0-9a-f]{{16}}))?")

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """The content of a file of features; shared, never to be modified.

    Attributes:
        classes: names of the c classes.
        z: (N, d) float32 features as given.
        y: (N,) int64 labels.
        is_test: (N,) bool, whether a point belongs to the test set.
        ids: (N,) names of the points; empty where the file has none.
        digest: 16 digits that name the content.
        notes: what was read and how, and what was noticed, in sentences.
    """

    classes: tuple[str, ...]
    z: NDArray[np.float32]
    y: Labels
    is_test: NDArray[np.bool_]
    ids: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]


def info(name: str) -> DataInfo:
    """The record of a user's features, with its name resolved.

    Raises:
        SpecError: the name is not features:PATH.
        DataError: see `load`, or the features have changed since the name was resolved.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SpecError(f"Data {name!r} can't be read. Allowed: features:FILE, {', '.join(feature_tables.FORMATS)}.")
    path, expected = Path(match[1]).expanduser().absolute(), match[2]
    vectors = load(path)
    if expected not in (None, vectors.digest):
        raise DataError(f"The features of {path} have changed since: their SHA-256 does not begin with {expected}.")
    side = picture_side(vectors.z.shape[1])
    return DataInfo(
        name=f"{FILE}{path}#{vectors.digest}",
        title=path.stem,
        classes=vectors.classes,
        shape=(1, side, side),
        train_images=int((~vectors.is_test).sum()),
        test_images=int(vectors.is_test.sum()),
        licence="yours",
        source=str(path),
        embedded=False,
        notes=vectors.notes,
        width=vectors.z.shape[1],
    )


def load(path: Path) -> Vectors:
    """The content of a file, from memory while the file does not change.

    Raises:
        DataError: the file can't be read, or is refused: one sentence with the reason.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} is missing: name a file of features ({error.strerror}).") from error
    return _load(path, status.st_mtime_ns, status.st_size)


def read(record: DataInfo, part: str) -> tuple[NDArray[np.float32], Labels]:
    """Features (N, d) float32 and labels (N,) int64 of one part.

    Args:
        record: of the features.
        part: "train" or "test".

    Raises:
        DataError: see `load`.
    """
    vectors = load(Path(record.source))
    rows = vectors.is_test if part == "test" else ~vectors.is_test
    return vectors.z[rows], vectors.y[rows]


def picture_side(width: int) -> int:
    """Side in pixels of the picture of a vector with so many features."""
    return min(SIDE, math.ceil(math.sqrt(width)))


def pictures(z: NDArray[np.float32], like: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Vectors as pictures, so that points can be told apart where other data show images: a pixel a coordinate.

    Args:
        z: (N, d) features; of more than `SIDE`², evenly spaced ones are shown.
        like: (n, d) features whose mean is grey, and three of whose standard deviations are black or white.

    Returns:
        (N, 1, side, side) uint8.
    """
    side = picture_side(z.shape[1])
    shown_columns = np.unique(np.linspace(0, z.shape[1] - 1, min(side * side, z.shape[1])).round().astype(int))
    some = like[:, shown_columns].astype(np.float64)
    std = some.std(0)
    grey = 127.5 + 42.5 * (z[:, shown_columns] - some.mean(0)) / np.where(std > 0, std, 1.0)
    flat = np.full((len(z), side * side), 127, np.uint8)
    flat[:, : len(shown_columns)] = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return flat.reshape(-1, 1, side, side)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, size: int) -> Vectors:
    table = feature_tables.read(path)
    z = _features(path, table.z)
    if table.labels.shape != (len(z),):
        raise DataError(f"{path} has {len(z)} points and labels of shape {table.labels.shape}; needed: one for each.")
    classes, y = _classes(path, table)
    contents = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in z]
    is_test = _divided(y, contents) if table.is_test is None else table.is_test
    _check_parts(path, classes, y, is_test)
    if not (z[~is_test] != z[~is_test][:1]).any():
        raise DataError(f"All training points of {path} have the same features, so that nothing can be learned.")
    sha256 = hashlib.sha256(f"{READER_VERSION} {classes} {z.shape}".encode())
    for array in (z, y, is_test):
        sha256.update(np.ascontiguousarray(array).data)
    notes = (
        f"{len(z):,} points with {counted(z.shape[1], 'feature')} each are used as given; each coordinate is "
        "standardised on the training set, as for every extractor, so that λ means the same.",
        *(
            []
            if table.is_test is not None
            else [
                f"The file does not divide its points: {TEST_SHARE:.0%} of each "
                "class, chosen by content, are held out for testing."
            ]
        ),
        *table.notes,
        *_copies(contents, y, is_test),
    )
    for array in (z, y, is_test):
        array.setflags(write=False)
    return Vectors(classes, z, y, is_test, table.ids or (), sha256.hexdigest()[:16], notes)


def _features(path: Path, raw: NDArray[Any]) -> NDArray[np.float32]:
    """(N, d) float32; refused where they are no finite numbers, or too many."""
    if raw.ndim != 2 or 0 in raw.shape:
        raise DataError(f"{path} has features of shape {raw.shape}; needed: one row of numbers for each point.")
    if raw.dtype.kind not in "fiub":
        raise DataError(f"{path} has features of type {raw.dtype}; needed: numbers.")
    if len(raw) > MAX_POINTS or raw.shape[1] > MAX_WIDTH:
        raise DataError(
            f"{path} has {len(raw):,} points of {raw.shape[1]:,} features; at most {MAX_POINTS:,} of {MAX_WIDTH:,} are "
            "allowed."
        )
    with np.errstate(over="ignore"):
        z = np.ascontiguousarray(raw, np.float32)
    if not (finite := np.isfinite(z)).all():
        row, column = np.argwhere(~finite)[0].tolist()
        count = int((~finite).any(1).sum())
        raise DataError(
            f"{counted(count, 'point')} of {path} {'has' if count == 1 else 'have'} features that are not finite or "
            f"don't fit 32 bits, first row {row}, coordinate {column}: remove them or mend what made them."
        )
    return z


def _classes(path: Path, table: Table) -> tuple[tuple[str, ...], Labels]:
    """Names of the classes, and (N,) labels."""
    labels = table.labels
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind in "iub":
        numbers = labels.astype(np.int64)
        if table.classes is None:
            values, y = np.unique(numbers, return_inverse=True)
            names = tuple(map(str, values.tolist()))
        else:
            names, y = table.classes, numbers
            if y.min() < 0 or y.max() >= len(names):
                raise DataError(
                    f"{path} has labels from {y.min()} to {y.max()} and names of {len(names)} classes; labels count "
                    "from 0."
                )
    elif labels.dtype.kind in "UOST":
        texts = [str(label) for label in labels.tolist()]
        names = table.classes or tuple(sorted(set(texts)))
        place = {name: i for i, name in enumerate(names)}
        if unknown := sorted(set(texts) - set(names)):
            raise DataError(f"{path} has the label {shown(unknown[0])}, which its `classes` do not name.")
        y = np.array([place[text] for text in texts])
    else:
        raise DataError(f"{path} has labels of type {labels.dtype}; needed: whole numbers or names.")
    if len(set(names)) < len(names):
        raise DataError(f"{path} names a class twice in `classes`.")
    if not 2 <= len(names) <= MAX_CLASSES:
        raise DataError(f"{path} has {counted(len(names), 'class', 'classes')}; 2 to {MAX_CLASSES:,} are allowed.")
    return names, y.astype(np.int64)


def _divided(y: Labels, contents: list[bytes]) -> NDArray[np.bool_]:
    """(N,) bool: about three tenths of every class, chosen by content, so that copies of a point share a side."""
    is_test = np.zeros(len(y), bool)
    sides: dict[bytes, bool] = {}
    for label in np.unique(y):
        rows = sorted(np.flatnonzero(y == label).tolist(), key=contents.__getitem__)
        count = round(TEST_SHARE * len(rows))
        for place, row in enumerate(rows):
            is_test[row] = sides.setdefault(contents[row], place < count)
    return is_test


def _check_parts(path: Path, classes: tuple[str, ...], y: Labels, is_test: NDArray[np.bool_]) -> None:
    for part, rows, least in (("training", ~is_test, LEAST_TRAIN), ("test", is_test, LEAST_TEST)):
        counts = np.bincount(y[rows], minlength=len(classes))
        short = int(counts.argmin())
        if counts[short] < least:
            raise DataError(
                f"Class {shown(classes[short])} of {path} has {counted(int(counts[short]), 'point')} in the {part} "
                f"part; at least {least} are needed: add points, or leave the class out."
            )


def _copies(contents: list[bytes], y: Labels, is_test: NDArray[np.bool_]) -> list[str]:
    """Sentences on points that are there more than once."""
    first: dict[bytes, int] = {}
    copies = contradicting = 0
    for row, content in enumerate(contents):
        if not is_test[row]:
            if content in first:
                copies += 1
                contradicting += int(y[first[content]] != y[row])
            first.setdefault(content, row)
    across = sum(bool(is_test[row]) and content in first for row, content in enumerate(contents))
    notes = []
    if copies:
        labels = f"; {contradicting:,} of them under another label" if contradicting else ""
        notes.append(f"{counted(copies, 'training point')} repeat{'s' if copies == 1 else ''} another{labels}.")
    if across:
        is_are = "is also a training point" if across == 1 else "are also training points"
        notes.append(f"{counted(across, 'test point')} {is_are}: accuracy on them says nothing about new points.")
    return notes
