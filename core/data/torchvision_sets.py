"""Well-known data sets that torchvision reads, from the folder `paths.data()`; downloaded into it on first use.

The folder has torchvision's layout, so that an existing torchvision folder can be used. Torch is imported only when
images are read.
"""

import gzip
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.registry import DataInfo
from core.system import paths
from core.system.errors import DataError


@dataclass(frozen=True)
class Source:
    """Where the files of a data set come from.

    Attributes:
        kind: its class in `torchvision.datasets`.
        url: of the download, or of the page that links to it.
        files: each published file, with the files that it unpacks to; relative to the folder.
    """

    kind: str
    url: str
    files: Mapping[str, tuple[str, ...]]


def _inside(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


_PCAM = _inside("pcam", *(f"camelyonpatch_level_2_split_{part}_{xy}.h5" for part in ("train", "test") for xy in "xy"))

SOURCES: dict[str, Source] = {
    "cifar10": Source(
        "CIFAR10",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        {
            "cifar-10-python.tar.gz": _inside(
                "cifar-10-batches-py", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"
            )
        },
    ),
    "cifar100": Source(
        "CIFAR100",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        {"cifar-100-python.tar.gz": _inside("cifar-100-python", "train", "test", "meta")},
    ),
    "stl10": Source(
        "STL10",
        "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
        {"stl10_binary.tar.gz": _inside("stl10_binary", "train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")},
    ),
    "svhn": Source(
        "SVHN",
        "http://ufldl.stanford.edu/housenumbers/",
        {name: (name,) for name in ("train_32x32.mat", "test_32x32.mat")},
    ),
    "pcam": Source("PCAM", "https://github.com/basveeling/pcam", {f"{name}.gz": (name,) for name in _PCAM}),
}

PCAM_STEPS = {"train": 16, "test": 4}
"""Stride at which images of PatchCamelyon are taken: all of them are 8 GB, and a data set is read into memory."""

_STAGED = ".fetching-"
_STALE = 3600.0
"""Seconds without a write after which a download counts as abandoned."""


def present(record: DataInfo) -> bool:
    """Whether the files of a data set are on this machine, so that no download is needed; they are not opened."""
    return record.name not in SOURCES or not _missing(record)


def availability(record: DataInfo) -> str:
    """Whether a data set of `SOURCES` is on this machine and, if not, what to do; as the end of a sentence."""
    if present(record):
        return "on this machine"
    return f"not on this machine; {_remedy(record)}, or let the first run fetch it"


def read(record: DataInfo, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All images of one part of a data set of `SOURCES`, downloaded if they are not on this machine.

    Args:
        record: the record of the data set.
        part: "train" or "test".

    Returns:
        Images (N, C, H, W) uint8 and labels (N,) int64, in the published order; of PatchCamelyon, every 16th training
        and every 4th test image.

    Raises:
        DataError: files are missing or damaged, and can't be fetched; names them, and where to put them.
    """
    folder = paths.data()
    try:
        try:
            x, y = _open(record.name, part, folder)
        except (RuntimeError, OSError, KeyError, ValueError):  # not here, still packed, or damaged
            x, y = _fetch(record.name, part, folder)
    except ImportError as error:
        raise DataError(
            f"Data set {record.name!r} is read by the package {error.name}, which is not installed: "
            f"pip install {error.name}."
        ) from error
    except Exception as error:  # downloads and archives raise many kinds, from http's to tarfile's
        state = f"can't be read from {folder}" if present(record) else "is not on this machine"
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"Data set {record.name!r} {state} and can't be fetched ({SOURCES[record.name].url}: {reason}): "
            f"{_remedy(record)}."
        ) from error
    return np.ascontiguousarray(x, np.uint8), np.asarray(y, np.int64)


def _missing(record: DataInfo) -> list[str]:
    """Published files that are neither present nor unpacked."""
    folder = paths.data()
    return [
        published
        for published, files in SOURCES[record.name].files.items()
        if not (folder / published).is_file() and not all((folder / file).is_file() for file in files)
    ]


def _remedy(record: DataInfo) -> str:
    names = _missing(record) or list(SOURCES[record.name].files)  # all present and yet unreadable: all again
    return f"put {', '.join(names)} into {paths.data()} (or set POISON_LAB_DATA to the folder that holds them)"


def _open(name: str, part: str, folder: Path, *, download: bool = False) -> tuple[Any, Any]:
    """Images and labels as torchvision reads them; it verifies the MD5 of all files but PatchCamelyon's."""
    from torchvision import datasets

    match name:
        case "stl10":
            # Without the 100,000 unlabelled images: 2.8 GB to store, and to verify at every read.
            labelled = type("Labelled", (datasets.STL10,), {"train_list": datasets.STL10.train_list[:2]})
            dataset = labelled(folder, split=part, download=download)
            return dataset.data, dataset.labels
        case "svhn":
            dataset = datasets.SVHN(folder, split=part, download=download)
            return dataset.data, dataset.labels
        case "pcam":
            return _open_pcam(part, folder, download=download)
    dataset = getattr(datasets, SOURCES[name].kind)(folder, train=part == "train", download=download)
    return dataset.data.transpose(0, 3, 1, 2), dataset.targets


def _open_pcam(part: str, folder: Path, *, download: bool) -> tuple[Any, Any]:
    """Without torchvision's class, which unpacks 7 GB in memory and reads one image at a time."""
    import h5py
    from torchvision.datasets import PCAM
    from torchvision.datasets.utils import check_integrity, download_file_from_google_drive

    files, inside = PCAM._FILES[part], folder / "pcam"
    if download:
        for name, drive_id, md5 in files.values():
            archive = inside / f"{name}.gz"
            if not check_integrity(archive, md5):
                download_file_from_google_drive(drive_id, inside, archive.name, md5)
            with gzip.open(archive) as packed, (inside / name).open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 1 << 20)
    rows = slice(None, None, PCAM_STEPS[part])
    with h5py.File(inside / files["images"][0]) as images, h5py.File(inside / files["targets"][0]) as labels:
        return images["x"][rows].transpose(0, 3, 1, 2), labels["y"][rows].reshape(-1)


def _fetch(name: str, part: str, folder: Path) -> tuple[Any, Any]:
    """Like `_open`, after unpacking archives that are present or else downloading them.

    Both happen in a temporary folder, from which only complete files are moved to their place.
    """
    from torchvision.datasets.utils import check_integrity

    folder.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    with TemporaryDirectory(dir=folder, prefix=_STAGED) as place:
        staged = Path(place)
        for archive, md5 in _md5s(name, part).items():
            (staged / archive).parent.mkdir(exist_ok=True)
            # A damaged one is not linked: torchvision would write the download over it.
            if check_integrity(folder / archive, md5):
                (staged / archive).symlink_to((folder / archive).absolute())
        arrays = _open(name, part, staged, download=True)
        for files in SOURCES[name].files.values():
            for file in files:
                if (staged / file).is_file() and not (staged / file).is_symlink():
                    (folder / file).parent.mkdir(exist_ok=True)
                    (staged / file).replace(folder / file)
    return arrays


def _md5s(name: str, part: str) -> dict[str, str]:
    """The published files that a part needs, with torchvision's MD5 of each."""
    from torchvision import datasets

    match name:
        case "svhn":
            _, file, md5 = datasets.SVHN.split_list[part]
            return {file: md5}
        case "pcam":
            return {f"pcam/{file}.gz": md5 for file, _, md5 in datasets.PCAM._FILES[part].values()}
    kind = getattr(datasets, SOURCES[name].kind)
    return {kind.filename: kind.tgz_md5}


def _remove_stale(folder: Path) -> None:
    """Remove the temporary folders of downloads whose process was killed, but not of those that still write."""
    for staged in folder.glob(f"{_STAGED}*"):
        try:
            written = max(path.lstat().st_mtime for path in (staged, *staged.rglob("*")))
        except FileNotFoundError:  # that download just ended
            continue
        if time.time() - written > _STALE:
            shutil.rmtree(staged, ignore_errors=True)
