"""Atomic writing of files, and bounded listing of zip archives."""

import io
import os
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MAX_LISTING_BYTES = 20 << 20
"""Largest central directory of a zip: a hundred thousand long names. In memory it takes ten times as much."""


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises:
        OSError: see `replacing`.
    """
    with replacing(path) as file:
        file.write(text.encode())


def spreadsheet_text(text: str) -> str:
    """Text for a cell of a CSV file: an apostrophe is prepended if a spreadsheet would read it as a formula.

    Names of classes and files come from users, and a formula can do harm.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block ends without an error; its folder is created if necessary.

    Raises:
        OSError: the file can't be written. The previous file at `path` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(name, 0o644)  # temporary files are their owner's alone
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def zip_members(path: Path) -> list[zipfile.ZipInfo]:
    """The members that a zip lists.

    Raises:
        BadZipFile: it is no zip, or its central directory can't be read or is longer than `MAX_LISTING_BYTES`.
        OSError: the file can't be read.
    """
    try:
        with _Bounded(path) as file, zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except UnicodeDecodeError as error:
        raise zipfile.BadZipFile("a name in it is not UTF-8") from error
    except (NotImplementedError, ValueError, LookupError, struct.error) as error:  # a version that Python does not know
        raise zipfile.BadZipFile(str(error)) from error


class _Bounded(io.FileIO):
    """A file that refuses to read many bytes at once, as a zip's central directory is."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_LISTING_BYTES:
            raise zipfile.BadZipFile(f"its list of files is longer than {MAX_LISTING_BYTES >> 20} MiB")
        return super().read(-1 if size is None else size) or b""
