"""The records of what people bring through the app, by name: `upload:SLUG-DIGEST`, images or a weights file.

An upload is listed for its owner alone. Whoever was told its name may use it, too: nobody can work a name out, see
`core.storage.uploads`, which checks and keeps what is brought.
"""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.data.registry import DataInfo
from core.extractors.registry import ExtractorInfo
from core.system import paths
from core.system.errors import DataError, PoisonLabError, WeightsError

PREFIX = "upload:"
KINDS = ("images", "weights")
RECORD = "record.json"
NAME = re.compile(rf"{PREFIX}([a-z0-9-]{{1,40}}-(?:[0-9a-f]{{32}}|[0-9a-f]{{16}}))")
"""16 digits: of an upload that was kept by an older version, under a name that its content alone gave it."""


def images(name: str) -> DataInfo:
    """The record of kept images.

    Raises:
        DataError: no such upload is here, or an earlier version of the reader has read it.
    """
    from core.data.folders import READER_VERSION  # only here, since it reads images

    record, reader = _images(name)
    if reader != READER_VERSION:
        raise DataError(
            f"The images of {name!r} were read by version {reader} of the reader; version {READER_VERSION} reads them "
            "otherwise, so that a run would give another result. Results of before still open; to run the images as "
            "they are read now, upload them again."
        )
    return record


def weights(name: str) -> ExtractorInfo:
    """The record of a kept weights file.

    Raises:
        WeightsError: no such upload is here.
    """
    found, _, folder = _stored_record("weights", name, WeightsError)
    (file,) = folder.glob("content.*")
    return ExtractorInfo(**{**found, "weights": str(file)})


def all_images(owner: str | None = None) -> dict[str, DataInfo]:
    """Kept images by name, oldest first; only those of an owner, and everyone's, where one is given.

    Without those that only an earlier version of the reader has read: see `outdated_images`.
    """
    return _images_of(owner, are_outdated=False)


def outdated_images(owner: str | None = None) -> dict[str, DataInfo]:
    """Kept images that can't be run any more, for an earlier version of the reader has read them; as `all_images`."""
    return _images_of(owner, are_outdated=True)


def all_weights(owner: str | None = None) -> dict[str, ExtractorInfo]:
    """Kept weights files by name, oldest first; only those of an owner, and everyone's, where one is given."""
    return {name: weights(name) for name in _names("weights") if owner is None or belongs_to(name, owner)}


def is_upload(name: str) -> bool:
    """Whether a data set or an extractor is an upload, here or gone."""
    return name.startswith(PREFIX)


def belongs_to(name: str, owner: str) -> bool:
    """Whether an upload is here and belongs to an owner, or to everyone."""
    for kind in KINDS:
        try:
            return _stored_record(kind, name, PoisonLabError)[1] in ("", owner_digest(owner))
        except PoisonLabError:
            continue
    return False


def owner_digest(owner: str) -> str:
    """An owner as the record has it: what a browser is known by is not for whoever reads the disk; "" is everyone."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32] if owner else ""


def folder_of(kind: str) -> Path:
    """Where uploads of a kind lie."""
    return paths.uploads() / kind


def _images(name: str) -> tuple[DataInfo, int]:
    """The record of kept images, and the version of the reader that has read them."""
    found, _, folder = _stored_record("images", name, DataError)
    reader = int(found.pop("reader", 1))  # the first did not name itself
    return DataInfo(**{**found, "source": str(folder / "content.zip")}), reader


def _images_of(owner: str | None, *, are_outdated: bool) -> dict[str, DataInfo]:
    from core.data.folders import READER_VERSION

    kept = {name: _images(name) for name in _names("images") if owner is None or belongs_to(name, owner)}
    return {name: record for name, (record, reader) in kept.items() if (reader != READER_VERSION) == are_outdated}


def _names(kind: str) -> list[str]:
    found = [path.parent for path in folder_of(kind).glob(f"*/{RECORD}") if NAME.fullmatch(PREFIX + path.parent.name)]
    return [PREFIX + folder.name for folder in sorted(found, key=lambda folder: (folder.stat().st_mtime, folder.name))]


def _stored_record(kind: str, name: str, missing: type[PoisonLabError]) -> tuple[dict[str, Any], str, Path]:
    """The record of an upload, its owner and its folder."""
    match = NAME.fullmatch(name)
    folder = folder_of(kind) / (match[1] if match else "-")
    try:
        found = dict(_read(folder / RECORD, (folder / RECORD).stat().st_mtime_ns))
        return found, str(found.pop("owner", "")), folder
    except (OSError, ValueError) as error:
        what = "images" if kind == "images" else "a weights file"
        raise missing(f"{name!r} is not among the uploads of this machine: bring it again, as {what}.") from error


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}  # as they were
