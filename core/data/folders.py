"""The user's own images: `image-folder:PATH`, a folder or a zip with one folder of images per class.

A resolved name ends with `#` and 16 digits of a SHA-256 over all images and the version of their reader: different
images, or the same read differently, are different data. Zips are read in place, never unpacked.
"""

import hashlib
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core.data.registry import DataInfo
from core.system.errors import DataError, SpecError
from core.system.files import zip_members

READER_VERSION = 1
"""Increment it when the same files would give other images, labels or another split: earlier runs keep their names, and
are not served for what is read now."""
SIDE = 64
"""Side in pixels to which every image is cropped and resized."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MIN_IMAGES_PER_CLASS = 10
MAX_IMAGES = 100_000
MAX_BYTES = 50 << 20
"""Of one image file."""
MAX_UNPACKED = 4 << 30
"""Of all files in a zip together."""
MAX_PIXELS = 50_000_000
"""Of one image: a small file can decompress to an image that fills the memory."""
TEST_SHARE = 0.3
_NAME = re.compile(r"image-folder:(.+?)(?:#([0-9a-f]{16}))?")


@dataclass(frozen=True)
class Folder:
    """The content of an image folder.

    Attributes:
        classes: names of the c classes.
        x: (N, 3, 64, 64) uint8 images.
        y: (N,) int64 labels.
        is_test: (N,) bool, whether an image belongs to the test set.
        digests: names of this content by each version of the reader, up to the current one.
    """

    classes: tuple[str, ...]
    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    digests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The digits that name this content as the current reader reads it."""
        return self.digests[-1]


def is_user_supplied(name: str) -> bool:
    """Whether a name is of user-supplied images rather than of an entry of the registry."""
    return name.startswith(("image-folder:", "upload:"))


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
    if expected in folder.digests[:-1]:
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
    )


def read(record: DataInfo, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 3, 64, 64) uint8 and labels (N,) int64 of one part, "train" or "test"."""
    folder = load(Path(record.source))
    rows = folder.is_test if part == "test" else ~folder.is_test
    return folder.x[rows], folder.y[rows]


def load(path: Path) -> Folder:
    """Read and check a folder or a zip; cached in memory while its files do not change.

    Raises:
        DataError: names what is wrong, and in which file.
    """
    if not path.exists():
        raise DataError(f"{path} is missing: name a folder or a zip with one folder of images for each class.")
    return _load(path, tuple(sorted(_in_folder(path) if path.is_dir() else _in_zip(path))), READER_VERSION)


@dataclass(frozen=True, order=True)
class _File:
    """An image file: its class, its path inside the folder, its size in bytes, and when it was modified."""

    label: str
    name: str
    size: int
    changed: float


def _in_folder(path: Path) -> Iterator[_File]:
    for file in path.glob("*/**/*"):
        if file.suffix.lower() in SUFFIXES and file.is_file():
            name, status = file.relative_to(path), file.stat()
            yield _File(name.parts[0], name.as_posix(), status.st_size, status.st_mtime)


def _in_zip(path: Path) -> Iterator[_File]:
    try:
        members = [member for member in zip_members(path) if not member.filename.endswith("/")]  # `is_dir` needs a name
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is neither a folder nor a readable zip: {error}.") from error
    changed = path.stat().st_mtime
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        limit = f"{MAX_UNPACKED >> 30} GiB"
        raise DataError(f"{path} holds more than the {limit} that are allowed unpacked; it is refused as a whole.")
    counts = Counter(member.filename for member in members)
    if duplicate := next((name for name, count in counts.items() if count > 1), None):
        raise DataError(f"{path} holds {duplicate!r} more than once; it is refused as a whole.")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may ask for gigabytes
            raise DataError(f"{member.filename} of {path} is packed by an unusual method: pack it again, by deflate.")
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise DataError(f"{path} holds {member.filename!r}, a path that leads out of it; it is refused as a whole.")
        if len(name.parts) > 1 and name.suffix.lower() in SUFFIXES and name.parts[0] != "__MACOSX":
            yield _File(name.parts[-2], str(name), member.file_size, changed)


@lru_cache(maxsize=4)
def _load(path: Path, files: tuple[_File, ...], version: int) -> Folder:
    if len(files) > MAX_IMAGES:
        raise DataError(f"{path} holds {len(files)} images; at most {MAX_IMAGES} are allowed.")
    classes = tuple(sorted({file.label for file in files}))
    if len(classes) < 2:
        allowed = f"one folder for each class, with {', '.join(SUFFIXES)} in it"
        number = "one class" if classes else "no classes"
        raise DataError(f"{path} holds {number} of images; two or more are needed: {allowed}.")
    for label in classes:
        count = sum(file.label == label for file in files)
        if count < MIN_IMAGES_PER_CLASS:
            raise DataError(
                f"Class {label!r} of {path} has {count} images; at least {MIN_IMAGES_PER_CLASS} are needed."
            )
    images, digests = [], []
    with _opened(path) as content_of:
        for file in files:
            if file.size > MAX_BYTES:
                raise DataError(
                    f"{file.name} of {path} has {file.size >> 20} MiB; at most {MAX_BYTES >> 20} are allowed."
                )
            content = content_of(file.name)
            images.append(_image(content, f"{file.name} of {path}"))
            digests.append(hashlib.sha256(content).hexdigest())
    y = np.array([classes.index(file.label) for file in files], np.int64)
    listing = "".join(f"{file.label}/{digest}\n" for file, digest in zip(files, digests, strict=True))
    names = tuple(_digest(listing, reader) for reader in range(1, version + 1))
    return Folder(classes, np.stack(images), y, _test_rows(y, digests), names)


def _digest(listing: str, version: int) -> str:
    """16 digits that name images as a version of the reader reads them; the first version does not enter the hash.

    Args:
        listing: class and SHA-256 of each image, one line each.
        version: of the reader.
    """
    reader = "" if version == 1 else f"reader {version}\n"
    return hashlib.sha256(f"{reader}{listing}".encode()).hexdigest()[:16]


def _test_rows(y: NDArray[np.int64], digests: list[str]) -> NDArray[np.bool_]:
    """(N,) bool: about three tenths of every class, chosen by content, so that copies of an image share a side."""
    is_test = np.zeros(len(y), bool)
    sides: dict[str, bool] = {}
    for label in np.unique(y):
        rows = sorted(np.flatnonzero(y == label), key=lambda row: digests[row])
        count = round(TEST_SHARE * len(rows))
        for place, row in enumerate(rows):
            is_test[row] = sides.setdefault(digests[row], place < count)
    return is_test


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[str], bytes]]:
    if path.is_dir():
        yield lambda name: (path / name).read_bytes()
        return
    with zipfile.ZipFile(path) as archive:

        def content_of(name: str) -> bytes:
            try:
                return archive.read(name)
            except MemoryError:
                raise
            except Exception as error:  # zipfile raises many kinds, some of them only on malicious zips
                reason = " ".join(str(error).split())[:100]
                raise DataError(
                    f"{name} of {path} can't be unpacked ({reason}): pack it again, without a password."
                ) from error

        yield content_of


def _image(content: bytes, where: str) -> NDArray[np.uint8]:
    """(3, 64, 64): the middle square of an image, resized."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a limit of our own follows
            with Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{where} has {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are allowed."
                    )
                upright = ImageOps.exif_transpose(image).convert("RGB")
        fitted = ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.BILINEAR)
    except Image.DecompressionBombError as error:
        raise DataError(f"{where} has more than the {MAX_PIXELS:,} pixels that are allowed.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())[:100] if not isinstance(error, UnidentifiedImageError) else "not an image"
        raise DataError(f"{where} can't be read as PNG, JPEG or WebP ({reason}): repair or remove it.") from error
    return np.asarray(fitted).transpose(2, 0, 1)
