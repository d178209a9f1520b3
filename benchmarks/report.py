"""Where measurements are written: tables between markers of benchmarks/README.md, and JSON beside it."""

import argparse
import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from core.system import finite_json

FOLDER = Path(__file__).resolve().parent
README = FOLDER / "README.md"


def machine() -> str:
    """The machine in one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (match := re.search(r"model name\s*:\s*(.+)", info.read_text())):
        cpu = match.group(1).strip()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cores = os.cpu_count() or 1  # `python -m core run` uses a thread on each
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return f"{cores} cores ({cpu}), {cores} threads, {gpu}, {versions}"


def load() -> str:
    """How busy the machine is with other work, in one sentence."""
    return f"Load average of the minute before: {os.getloadavg()[0]:.1f}."


def add_device(parser: argparse.ArgumentParser) -> None:
    """Give a command the option `--device`."""
    parser.add_argument("--device", choices=("cpu", "cuda"), help="only this; both by default, where there is a GPU")


def devices(parser: argparse.ArgumentParser, only: str | None) -> tuple[str, ...]:
    """Where to measure: on the device of `--device`, or on all that there are; ends the command if it is not there."""
    here = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if only is not None and only not in here:
        parser.error("torch sees no GPU here.")
    return here if only is None else (only,)


def write(name: str, text: str, values: Any, folder: Path = FOLDER) -> None:
    """Write a measurement to README.md and to a JSON file.

    Args:
        name: of the markers in README.md and of the JSON file.
        text: Markdown for README.md.
        values: content of the JSON file.
        folder: where both lie; a README.md that is not there yet begins as a copy of the one here.
    """
    document = folder / README.name
    document.write_text(placed(document if document.exists() else README, name, text))
    (folder / f"{name}.json").write_text(finite_json.dumps(values, indent=1) + "\n")


def placed(document: Path, name: str, text: str) -> str:
    """The content of a document with other text between its markers of this name.

    Args:
        document: Markdown.
        name: of the markers.
        text: Markdown between them.

    Raises:
        ValueError: the document has no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = document.read_text().partition(begin)
    _, end_marker, after = rest.partition(end)
    if not end_marker:
        raise ValueError(f"{document} has no place for {name}: add the lines {begin} and {end}.")
    return f"{before}{begin}\n{text}\n{end}{after}"
