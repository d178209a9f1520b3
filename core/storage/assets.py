"""Whether what ships is whole: data, weights, maps and finished runs, compared with checksums that ship beside them.

The large files and the manifest of each run stand in `assets/SHA256SUMS`, in the format of `sha256sum --check`; the
files of a run stand in its manifest.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.storage.folders import is_hash
from core.storage.integrity import DamagedError, RunFolder
from core.system import paths
from core.system.files import write_text

NAME = "SHA256SUMS"
LISTED = ("data", "decoders", "extractors", "maps")
"""Folders all of whose files are listed."""


@dataclass(frozen=True)
class ShippedFiles:
    """What became of comparing all that ships with its checksums.

    Attributes:
        count: files and runs that were looked at.
        wrong: what is missing or another than what ships, by its path in `assets`, with what is wrong.
    """

    count: int
    wrong: tuple[tuple[str, str], ...]


def check(assets: Path = paths.ASSETS) -> ShippedFiles:
    """Compare every file that ships with its checksum.

    Args:
        assets: the folder that ships.
    """
    try:
        lines = [line.split("  ", 1) for line in (assets / NAME).read_text().splitlines()]
        listed = {name: digest for digest, name in lines}
    except (OSError, ValueError):
        return ShippedFiles(0, ((NAME, "can't be read"),))
    wrong = {}
    for name, digest in listed.items():
        try:
            if _digest(assets / name) != digest:
                wrong[name] = "differs"
        except OSError:
            wrong[name] = "is missing"
    runs = [folder for folder in _runs(assets) if f"{_place(folder.path, assets)}/manifest.json" not in wrong]
    for folder in runs:
        try:
            folder.verify()
        except DamagedError as error:
            wrong[_place(folder.path, assets)] = str(error)
    return ShippedFiles(len(listed) + len(runs), tuple(wrong.items()))


def write_checksums(assets: Path = paths.ASSETS) -> None:
    """List what ships now.

    Args:
        assets: the folder that ships.
    """
    files = [path for name in LISTED for path in (assets / name).rglob("*") if path.is_file()]
    files += [folder.path / "manifest.json" for folder in _runs(assets)]
    lines = [f"{_digest(path)}  {_place(path, assets)}" for path in files]
    write_text(assets / NAME, "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split("  ")[1])))


def _runs(assets: Path) -> Iterator[RunFolder]:
    gallery = assets / paths.GALLERY.name
    for path in sorted(gallery.iterdir()) if gallery.is_dir() else ():
        if is_hash(path.name):
            yield RunFolder(path, True)


def _place(path: Path, assets: Path) -> str:
    return path.relative_to(assets).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
