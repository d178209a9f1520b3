"""Well-known data sets that torchvision reads: from the folder `paths.data()`, or fetched into it when first used.

The folder is laid out as torchvision lays it out, so that one which torchvision filled can be named as it is. Torch is
imported only where images are read.
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
        url: what is fetched, or the page that leads to it.
        files: each published file, and the files read from it once it is unpacked; relative to the folder.
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
"""Every how many images of PatchCamelyon one is taken: all of them are 8 GB, and what is read is held in memory."""

_STAGED = ".fetching-"
_STALE = 3600.0
"""Seconds without a write after which a download is taken for one whose process was killed."""


def present(record: DataInfo) -> bool:
    """Whether a data set is on this machine, so that no download is needed; the files are not opened."""
    return record.name not in SOURCES or not _missing(record)


def availability(record: DataInfo) -> str:
    """Whether a data set of `SOURCES` is on this machine, and else what to do, as the end of a sentence."""
    if present(record):
        return "on this machine"
    return f"not on this machine; {_remedy(record)}, or let the first run fetch it"


def read(record: DataInfo, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All images of one part of a data set of `SOURCES`, fetched where they are not on this machine.

    Args:
        record: the record of the data set.
        part: "train" or "test".

    Returns:
        Images (N, C, H, W) uint8 and labels (N,) int64, in the published order; of PatchCamelyon, every 16th training
        and every 4th test image.

    Raises:
        DataError: files are missing or damaged, and can't be fetched; which ones, and where to put them.
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
    """Published files that are neither here nor unpacked here."""
    folder = paths.data()
    return [
        published
        for published, files in SOURCES[record.name].files.items()
        if not (folder / published).is_file() and not all((folder / file).is_file() for file in files)
    ]


def _remedy(record: DataInfo) -> str:
    names = _missing(record) or list(SOURCES[record.name].files)  # all here and yet unreadable: all anew
    return f"put {', '.join(names)} into {paths.data()} (or set POISON_LAB_DATA to the folder that holds them)"


def _open(name: str, part: str, folder: Path, *, download: bool = False) -> tuple[Any, Any]:
    """Images and labels as torchvision reads them; it compares all files but PatchCamelyon's with their MD5 first."""
    from torchvision import datasets

    match name:
        case "stl10":
            # Without the 100,000 unlabelled images, which would be 2.8 GB to keep and to check at every read.
            labelled = type("Labelled", (datasets.STL10,), {"train_list": datasets.STL10.train_list[:2]})
            found = labelled(folder, split=part, download=download)
            return found.data, found.labels
        case "svhn":
            found = datasets.SVHN(folder, split=part, download=download)
            return found.data, found.labels
        case "pcam":
            return _open_pcam(part, folder, download=download)
    found = getattr(datasets, SOURCES[name].kind)(folder, train=part == "train", download=download)
    return found.data.transpose(0, 3, 1, 2), found.targets


def _open_pcam(part: str, folder: Path, *, download: bool) -> tuple[Any, Any]:
    """Not by torchvision's class: it unpacks 7 GB in memory, and gives one image at a time."""
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
    """Like `_open`, after unpacking what is here packed or else a download.

    Both happen in a folder beside, from which only whole files move to where they count; it goes in the end.
    """
    from torchvision.datasets.utils import check_integrity

    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with TemporaryDirectory(dir=folder, prefix=_STAGED) as place:
        staged = Path(place)
        for archive, md5 in _md5s(name, part).items():
            (staged / archive).parent.mkdir(exist_ok=True)
            # A damaged one is not linked: torchvision would write the download over it.
            if check_integrity(folder / archive, md5):
                (staged / archive).symlink_to((folder / archive).absolute())
        found = _open(name, part, staged, download=True)
        for files in SOURCES[name].files.values():
            for file in files:
                if (staged / file).is_file() and not (staged / file).is_symlink():
                    (folder / file).parent.mkdir(exist_ok=True)
                    (staged / file).replace(folder / file)
    return found


def _md5s(name: str, part: str) -> dict[str, str]:
    """The published files that a part needs, and their MD5 by torchvision."""
    from torchvision import datasets

    match name:
        case "svhn":
            _, file, md5 = datasets.SVHN.split_list[part]
            return {file: md5}
        case "pcam":
            return {f"pcam/{file}.gz": md5 for file, _, md5 in datasets.PCAM._FILES[part].values()}
    found = getattr(datasets, SOURCES[name].kind)
    return {found.filename: found.tgz_md5}


def _sweep(folder: Path) -> None:
    """Remove what downloads left whose process was killed; one that still writes, here or elsewhere, is spared."""
    for left in folder.glob(f"{_STAGED}*"):
        try:
            written = max(path.lstat().st_mtime for path in (left, *left.rglob("*")))
        except FileNotFoundError:  # it ends at this moment
            continue
        if time.time() - written > _STALE:
            shutil.rmtree(left, ignore_errors=True)
