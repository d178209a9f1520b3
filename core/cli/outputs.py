"""Checks of output paths, made before anything is computed, and notes on standard error."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from core.system.errors import SpecError


def check_run_folder(out: Path) -> None:
    """Check that a run's folder is writable, and that nothing but an earlier run would be replaced.

    Raises:
        SpecError: it holds something else, or is not writable.
    """
    if out.exists() and not (out.is_dir() and _replaceable(out)):
        raise SpecError(f"--out {out} exists and is not a run's folder: give a new or an empty folder.")
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise SpecError(f"--out {out} can't be written: {nearest} is not a folder that you may write to.")


def check_suffix(option: str, path: Path, suffixes: tuple[str, ...]) -> None:
    """Check the name of a file to write.

    Args:
        option: name of the option.
        path: its value.
        suffixes: allowed suffixes, with their dots.

    Raises:
        SpecError: the suffix is not allowed.
    """
    if path.suffix not in suffixes:
        raise SpecError(f"{option} {path} is not a {' or '.join(f'*{suffix}' for suffix in suffixes)} file.")


def check_parent(out: Path) -> None:
    """Check that the folder of an output file exists and is writable.

    Raises:
        SpecError: it isn't.
    """
    if not (out.absolute().parent.is_dir() and os.access(out.absolute().parent, os.W_OK)):
        raise SpecError(f"--out {out} can't be written: its folder is not there, or not yours to write to.")


def existing_folder(out: Path | None, default: Path) -> Path:
    """The output folder of a measurement: `--out`, else the default.

    Raises:
        SpecError: there is no such folder.
    """
    folder = out or default
    if not folder.is_dir():
        raise SpecError(f"--out {folder} is not a folder.")
    return folder


def write_remarks(remarks: Iterable[str]) -> None:
    """Write what was assumed of the data and the extractor to standard error, a line each, equal ones once."""
    for remark in dict.fromkeys(remarks):
        sys.stderr.write(f"note: {' '.join(remark.split())}\n")


def _replaceable(folder: Path) -> bool:
    return not any(folder.iterdir()) or (folder / "result.json").is_file()
