"""Conducts an audit: cell by cell into a folder, where it can be stopped, resumed and read at any time.

measured.json  the cells that were measured, by the hash of their spec
audit.json     the content of the report
audit.html     the report, one page that needs no network
stop           whoever creates this file stops the audit after the cell that runs
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.audit.battery import Row, measure
from core.audit.document import document
from core.audit.findings import findings
from core.audit.plan import Cell, Plan
from core.catalog.remarks import remarks_of
from core.system import finite_json
from core.system.errors import StoreError
from core.system.files import write_text

MEASURED, CONTENT, PAGE, STOP = "measured.json", "audit.json", "audit.html", "stop"

Report = Callable[[Cell, Row, int, int], None]
"""Called with a cell, its row, the number of cells done, and of all."""


def conduct(
    plan: Plan,
    folder: Path,
    *,
    minutes: float | None = None,
    device: str = "auto",
    report: Report = lambda cell, row, done, total: None,
) -> dict[str, Any]:
    """Measure the cells of a plan that are not measured yet, and write the report.

    Args:
        plan: of the audit.
        folder: to write; of an earlier audit of the same pipeline, to go on.
        minutes: after which no further cell begins; None for no limit.
        device: "auto", "cpu" or "cuda".
        report: called after every cell.

    Returns:
        The content of audit.json.

    Raises:
        StoreError: the folder can't be read or written.
        PoisonLabError: a cell can't be run.
    """
    end = None if minutes is None else time.monotonic() + 60 * minutes
    rows = measured(folder)
    (folder / STOP).unlink(missing_ok=True)
    missing = [cell for cell in plan.cells if cell.spec.hash not in rows]
    done = len(plan.cells) - len(missing)
    for cell in missing:
        if (folder / STOP).exists() or (rows and end is not None and time.monotonic() >= end):
            break
        rows[cell.spec.hash] = measure(cell, device)
        done += 1
        _write(folder / MEASURED, finite_json.dumps(rows, indent=1))
        report(cell, rows[cell.spec.hash], done, len(plan.cells))
    return write_report(plan, folder, rows)


def write_report(plan: Plan, folder: Path, rows: dict[str, Row]) -> dict[str, Any]:
    """Write audit.json and audit.html of what was measured so far; returns the content.

    Args:
        plan: of the audit.
        folder: of the audit.
        rows: by hash, the cells that were measured.

    Raises:
        StoreError: the folder can't be written.
    """
    content = findings(plan, rows, remarks_of(plan.base))
    _write(folder / CONTENT, finite_json.dumps(content, indent=1) + "\n")
    _write(folder / PAGE, document(content))
    return content


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
    """The content of an audit's audit.json, by its folder or the file itself.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = folder / CONTENT if folder.is_dir() else folder
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        if not {"attacks", "verdict", "defences"} <= content.keys():
            raise ValueError("it is no audit")
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(
            f"{path} can't be read as an audit ({error}): name the folder of `core audit --out`."
        ) from error
    return content


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise StoreError(f"{path} can't be written ({error.strerror}): make room, or choose another folder.") from error
