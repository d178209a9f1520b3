"""The folder of an audit. Free of torch: pages read it while a worker writes it.

measured.json  the cells that were measured, by the hash of their spec
audit.json     the content of the report
audit.html     the report, one page that needs no network
stop           whoever creates this file stops the audit after the cell that runs
"""

import json
from pathlib import Path
from typing import Any

from core.audit.plan import REFERENCE, cell_spec
from core.spec.experiment import ExperimentSpec
from core.system import finite_json, paths
from core.system.errors import StoreError
from core.system.files import write_text

MEASURED, CONTENT, PAGE, STOP = "measured.json", "audit.json", "audit.html", "stop"

_OPENING, _CLOSING = '<script type="application/json" id="audit">', "</script>"
"""Around the content in the page, so that the page alone can be read again."""

Row = dict[str, Any]
"""What was measured of a cell, as plain data."""


def folder_of(base: ExperimentSpec) -> Path:
    """The folder of the audit of a pipeline, whatever time it gets: with more time, it goes on.

    Args:
        base: see `core.audit.plan.make_plan`.

    Raises:
        SpecError: the base is invalid.
    """
    return paths.home() / "audits" / cell_spec(base, "flips", REFERENCE, base.seed).hash


def stop(folder: Path) -> None:
    """Stop the audit of a folder after the cell that runs."""
    write(folder / STOP, "")


def measured(folder: Path) -> dict[str, Row]:
    """The rows of an earlier audit in a folder; empty without one.

    Raises:
        StoreError: they can't be read.
    """
    path = folder / MEASURED
    try:
        rows: dict[str, Row] = json.loads(path.read_text()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read ({error}): remove it, and begin again.") from error
    return rows


def read_report(folder: Path) -> dict[str, Any]:
    """The content of an audit's audit.json, by its folder, the file itself, or the page, which carries it.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = folder / CONTENT if folder.is_dir() else folder
    try:
        text = path.read_text()
        if path.suffix == ".html":
            text = text.partition(_OPENING)[2].partition(_CLOSING)[0]
        content: dict[str, Any] = json.loads(text)
        if not {"attacks", "verdict", "defences"} <= content.keys():
            raise ValueError("it is no audit")
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(
            f"{path} can't be read as an audit ({error}): name the folder of `core audit --out`."
        ) from error
    return content


def embedded(content: dict[str, Any]) -> str:
    """The content of a report as it stands inside the page: JSON that can't close the element around it."""
    return finite_json.dumps(content).replace("<", "\\u003c")


def finished() -> list[Path]:
    """The folders of audits of this home that have a report, the newest first."""
    found = [path.parent for path in (paths.home() / "audits").glob(f"*/{CONTENT}")]
    return sorted(found, key=lambda folder: -(folder / CONTENT).stat().st_mtime)


def write(path: Path, text: str) -> None:
    """Write a file of an audit.

    Raises:
        StoreError: it can't be written.
    """
    try:
        write_text(path, text)
    except OSError as error:
        raise StoreError(f"{path} can't be written ({error.strerror}): make room, or choose another folder.") from error


def as_json(content: dict[str, Any]) -> str:
    """The content of a report as the text of audit.json."""
    return finite_json.dumps(content, indent=1) + "\n"
