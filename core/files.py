"""Writing files so that they are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: see `replacing`.
    """
    with replacing(path) as file:
        file.write(text.encode())


def spreadsheet_text(text: str) -> str:
    """Text as a cell of a CSV file: one that a spreadsheet would take for a formula gets an apostrophe before it.

    Names of classes and files are what somebody has brought, and a formula can do more than be shown.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` once the block ends well; its folder is made if need be.

    Raises:
        OSError: the file can't be written. What was at `path` before is still there.
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
