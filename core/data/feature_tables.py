"""Reads files of feature vectors: npz, parquet and CSV, as they are found, without judging their content.

An npz has either `train_features`, `train_labels`, `test_features` and `test_labels`, or `features` and `labels`, which
are then divided; the short names of a run's features.npz (`train_z`, `train_y`, ...) are known, too. `classes` names
the classes, `train_ids`, `test_ids` and `ids` the points. A table has a column `label`, may have `split` (train or
test) and `id`, and either a column `features` of lists or one numeric column for each coordinate.
"""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.system.errors import DataError
from core.system.files import zip_members

FORMATS = (".npz", ".parquet", ".csv")
MAX_BYTES = 8 << 30
"""Of all arrays of an npz together, unpacked."""
_FEATURES = ("features", "z", "x", "embeddings")
_LABELS = ("labels", "label", "y", "targets")
_SPLIT, _ID = ("split", "part"), ("id", "ids")


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        z: (N, d) features, of any type.
        labels: (N,) names or numbers of classes, of any type.
        is_test: (N,) bool; None where the file does not divide its rows.
        classes: names of the classes; None where the file does not say.
        ids: (N,) names of the points; None where it has none.
        notes: what was passed over, in sentences.
    """

    z: NDArray[Any]
    labels: NDArray[Any]
    is_test: NDArray[np.bool_] | None = None
    classes: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read(path: Path) -> Table:
    """Read a file of features.

    Raises:
        DataError: it is missing, of another format, damaged, or lacks features or labels.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: name a file of features, {', '.join(FORMATS)}.")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} is no file of features: {', '.join(FORMATS)} can be read.")
    try:
        return reader(path)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # numpy, pandas and pyarrow raise many kinds on damaged files
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} can't be read as {path.suffix.lower()[1:]} ({reason}): write it again.") from error


def _npz(path: Path) -> Table:
    try:
        size = sum(member.file_size for member in zip_members(path))
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is no npz ({error}): write it by numpy.savez.") from error
    if size > MAX_BYTES:
        raise DataError(f"{path} holds {size >> 30} GiB unpacked; at most {MAX_BYTES >> 30} are allowed.")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    by_name = {name.lower(): name for name in arrays}

    def take(part: str, names: tuple[str, ...]) -> NDArray[Any] | None:
        for name in names:
            for key in (f"{part}_{name}", f"{name}_{part}") if part else (name,):
                if key in by_name:
                    array: NDArray[Any] = arrays[by_name.pop(key)]
                    return array
        return None

    pieces: dict[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]] = {}
    for part in ("train", "test", ""):
        features, labels, ids = take(part, _FEATURES), take(part, _LABELS), take(part, _ID)
        if features is not None and labels is not None:
            pieces[part] = features, labels, ids
        elif features is not None or labels is not None:
            lacking = "labels" if labels is None else "features"
            raise DataError(f"{path} has no {lacking} {f'of the {part} part ' if part else ''}{_EXPECTED}")
    classes = take("", ("classes", "class_names"))
    notes = tuple(f"The array {by_name[name]!r} was not used." for name in sorted(by_name))
    names = None if classes is None else tuple(map(str, classes.tolist()))
    if pieces.keys() == {""}:
        z, y, ids = pieces[""]
        return Table(z, y, None, names, _names(path, "", ids, len(y)), notes)
    if pieces.keys() != {"train", "test"}:
        found = ", ".join(arrays) or "nothing"
        raise DataError(f"{path} holds {found} {_EXPECTED}")
    (train_z, train_y, train_ids), (test_z, test_y, test_ids) = pieces["train"], pieces["test"]
    for part, z, y in (("train", train_z, train_y), ("test", test_z, test_y)):
        _check_lengths(path, part, z, y)
    if train_z.shape[1] != test_z.shape[1]:
        raise DataError(
            f"{path} has {train_z.shape[1]} features to train and {test_z.shape[1]} to test; they have to be the same."
        )
    both = [_names(path, "train", train_ids, len(train_y)), _names(path, "test", test_ids, len(test_y))]
    return Table(
        np.concatenate([train_z, test_z]),
        np.concatenate([train_y, test_y]),
        np.repeat([False, True], [len(train_y), len(test_y)]),
        names,
        None if both[0] is None or both[1] is None else (*both[0], *both[1]),
        notes,
    )


_EXPECTED = (
    "(needed: train_features, train_labels, test_features and test_labels, or features and labels; classes and ids are "
    "optional)."
)


def _check_lengths(path: Path, part: str, z: NDArray[Any], y: NDArray[Any]) -> None:
    if z.ndim != 2 or y.ndim != 1 or len(z) != len(y):
        raise DataError(
            f"{path} has {part} features of shape {z.shape} and labels of shape {y.shape}; needed: one row of numbers "
            "and one label for each point."
        )


def _names(path: Path, part: str, ids: NDArray[Any] | None, count: int) -> tuple[str, ...] | None:
    if ids is None:
        return None
    if ids.shape != (count,):
        raise DataError(f"{path} has {part} ids of shape {ids.shape} for {count} points; needed: one for each.")
    return tuple(map(str, ids.tolist()))


def _parquet(path: Path) -> Table:
    import pandas as pd

    return _frame(path, pd.read_parquet(path))


def _csv(path: Path) -> Table:
    import pandas as pd

    return _frame(path, pd.read_csv(path))


def _frame(path: Path, frame: Any) -> Table:
    by_name = {str(name).strip().lower(): name for name in frame.columns}

    def take(names: tuple[str, ...]) -> NDArray[Any] | None:
        found = next((name for name in names if name in by_name), None)
        return None if found is None else frame[by_name.pop(found)].to_numpy()

    labels, split, ids, lists = take(_LABELS), take(_SPLIT), take(_ID), take(("features", "embedding", "embeddings"))
    if labels is None:
        raise DataError(f"{path} has no column `label`; it has {', '.join(map(str, frame.columns[:8]))}.")
    if any(label is None or label != label for label in labels.tolist()):
        raise DataError(f"{path} has a row without a label: remove it, or give it one.")
    notes: tuple[str, ...] = ()
    if lists is not None:
        lengths = {len(row) for row in lists}
        if len(lengths) != 1:
            raise DataError(f"{path} has rows of {min(lengths)} to {max(lengths)} features; all need the same number.")
        z = np.stack([np.asarray(row) for row in lists])
        notes = tuple(f"The column {by_name[name]!r} was not used." for name in sorted(by_name))
    else:
        columns = [name for name in by_name.values() if frame[name].dtype.kind in "fiu"]
        others = [name for name in by_name.values() if frame[name].dtype.kind not in "fiu"]
        if not columns:
            raise DataError(f"{path} has no numeric column besides labels, and no column `features` of lists.")
        z = frame[columns].to_numpy()
        notes = tuple(f"The column {str(name)!r} is not numeric, and was not used." for name in others)
    return Table(z, labels, _parts(path, split), None, None if ids is None else tuple(map(str, ids.tolist())), notes)


def _parts(path: Path, split: NDArray[Any] | None) -> NDArray[np.bool_] | None:
    if split is None:
        return None
    words = [str(word).strip().lower() for word in split.tolist()]
    if others := sorted(set(words) - {"train", "test"}):
        raise DataError(f"{path} has the split {others[0]!r}; allowed: train and test.")
    return np.array([word == "test" for word in words])


_READERS: Mapping[str, Callable[[Path], Table]] = {".npz": _npz, ".parquet": _parquet, ".csv": _csv}
