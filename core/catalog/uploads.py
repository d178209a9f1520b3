"""The records of user uploads, by name: `upload:SLUG-DIGEST`, images or a weights file; `upload-features:SLUG-DIGEST`.

An upload is listed only for its owner. Others can use it if they know its name, which can't be guessed: see
`core.storage.uploads`, which checks and stores uploads.
"""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.data.registry import DataInfo
from core.extractors.registry import ExtractorInfo
from core.spec import vectors
from core.spec.sides import SIDE
from core.system import paths
from core.system.errors import DataError, PoisonLabError, WeightsError

PREFIX = "upload:"
KINDS = ("images", "features", "weights")
PREFIXES = {"images": PREFIX, "features": vectors.UPLOAD, "weights": PREFIX}
"""The beginning of the names of each kind."""
RECORD = "record.json"
NAME = re.compile(rf"(?:{PREFIX}|{vectors.UPLOAD})([a-z0-9-]{{1,40}}-(?:[0-9a-f]{{32}}|[0-9a-f]{{16}}))")
"""16 digits: an upload stored by an older version, which derived the name from the content alone."""


def images(name: str) -> DataInfo:
    """The record of uploaded images.

    Raises:
        DataError: there is no such upload, or an earlier version of the reader read it differently.
    """
    from core.data.folders import READER_VERSION  # only here, since it reads images

    record, reader = _images(name)
    if not _is_current(record, reader):
        raise DataError(
            f"The images of {name!r} were read by version {reader} of the reader; version {READER_VERSION} reads them "
            "differently, so that a run would give another result. Earlier results still open; to run the images as "
            "they are read now, upload them again."
        )
    return record


def features(name: str) -> DataInfo:
    """The record of an uploaded file of features.

    Raises:
        DataError: there is no such upload, or another version of the reader read it.
    """
    from core.data.feature_files import READER_VERSION  # only here, since it reads features

    fields, _, folder = _stored_record("features", name, DataError)
    if int(fields.pop("reader", 0)) != READER_VERSION:
        raise DataError(f"The features of {name!r} were read by another version of the reader: upload them again.")
    (file,) = folder.glob("content.*")
    return DataInfo(**{**fields, "source": str(file)})


def weights(name: str) -> ExtractorInfo:
    """The record of an uploaded weights file.

    Raises:
        WeightsError: there is no such upload.
    """
    fields, _, folder = _stored_record("weights", name, WeightsError)
    (file,) = folder.glob("content.*")
    return ExtractorInfo(**{**fields, "weights": str(file)})


def all_images(owner: str | None = None) -> dict[str, DataInfo]:
    """Uploaded images by name, oldest first; for an owner, only theirs and public ones.

    Excludes those that an earlier version of the reader read differently: see `outdated_images`.
    """
    return _images_of(owner, are_outdated=False)


def all_data(owner: str | None = None) -> dict[str, DataInfo]:
    """Uploaded images, then uploaded features, by name; as `all_images`."""
    names = [name for name in _names("features") if owner is None or belongs_to(name, owner)]
    return all_images(owner) | {name: features(name) for name in names}


def outdated_images(owner: str | None = None) -> dict[str, DataInfo]:
    """Uploaded images that can't be run any more, since earlier versions read them differently; as `all_images`."""
    return _images_of(owner, are_outdated=True)


def all_weights(owner: str | None = None) -> dict[str, ExtractorInfo]:
    """Uploaded weights files by name, oldest first; for an owner, only theirs and public ones."""
    return {name: weights(name) for name in _names("weights") if owner is None or belongs_to(name, owner)}


def is_upload(name: str) -> bool:
    """Whether a name is of an upload, which may no longer exist."""
    return name.startswith((PREFIX, vectors.UPLOAD))


def belongs_to(name: str, owner: str) -> bool:
    """Whether an upload exists, and belongs to an owner or is public."""
    for kind in KINDS:
        try:
            return _stored_record(kind, name, PoisonLabError)[1] in ("", owner_digest(owner))
        except PoisonLabError:
            continue
    return False


def owner_digest(owner: str) -> str:
    """An owner as the record stores it, hashed, so that the disk does not reveal browsers' identities; "" is public."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32] if owner else ""


def folder_of(kind: str) -> Path:
    """The folder of uploads of a kind."""
    return paths.uploads() / kind


def _images(name: str) -> tuple[DataInfo, int]:
    """The record of uploaded images, and the version of the reader that read them."""
    fields, _, folder = _stored_record("images", name, DataError)
    reader = int(fields.pop("reader", 1))  # version 1 did not store it
    content = str(folder / "content.zip")
    side = fields.get("own_side") or _own_side(content)
    return DataInfo(**{**fields, "source": content, "own_side": side}), reader


def _images_of(owner: str | None, *, are_outdated: bool) -> dict[str, DataInfo]:
    stored = {name: _images(name) for name in _names("images") if owner is None or belongs_to(name, owner)}
    return {name: record for name, (record, reader) in stored.items() if _is_current(record, reader) != are_outdated}


def _is_current(record: DataInfo, reader: int) -> bool:
    """Whether uploaded images are read as they were by the version of the reader that read them."""
    from core.data.folders import READER_VERSION

    return reader == READER_VERSION or _is_unchanged(record.source, reader, READER_VERSION)


@lru_cache(maxsize=1024)
def _is_unchanged(path: str, reader: int, now: int) -> bool:
    """Whether two versions of the reader read a file alike, which takes reading it: once, as uploads never change."""
    from core.data.folders import is_read_as_by

    return is_read_as_by(Path(path), reader)


@lru_cache(maxsize=1024)
def _own_side(path: str) -> int:
    """The own side of images whose record is from before it was stored; `SIDE` if they can't be read any more."""
    from core.data.folders import load

    try:
        return load(Path(path)).own_side
    except DataError:
        return SIDE


def _names(kind: str) -> list[str]:
    files, prefix = folder_of(kind).glob(f"*/{RECORD}"), PREFIXES[kind]
    folders = [file.parent for file in files if NAME.fullmatch(prefix + file.parent.name)]
    folders.sort(key=lambda folder: (folder.stat().st_mtime, folder.name))
    return [prefix + folder.name for folder in folders]


def _stored_record(kind: str, name: str, missing: type[PoisonLabError]) -> tuple[dict[str, Any], str, Path]:
    """The record of an upload, its owner and its folder."""
    match = NAME.fullmatch(name)
    folder = folder_of(kind) / (match[1] if match else "-")
    try:
        fields = dict(_read(folder / RECORD, (folder / RECORD).stat().st_mtime_ns))
        return fields, str(fields.pop("owner", "")), folder
    except (OSError, ValueError) as error:
        what = {"images": "images", "features": "a file of features", "weights": "a weights file"}[kind]
        raise missing(f"{name!r} is not among the uploads of this machine: upload it again, as {what}.") from error


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(path.read_text())
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
