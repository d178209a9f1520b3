"""Conducts an audit: cell by cell into a folder, where it can be stopped, resumed and read at any time."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from core.audit.battery import measure
from core.audit.document import document
from core.audit.findings import findings
from core.audit.folder import CONTENT, MEASURED, PAGE, STOP, Row, as_json, folder_of, measured, write
from core.audit.plan import Cell, Plan, make_plan
from core.catalog.remarks import remarks_of
from core.spec.events import Event, Observer
from core.spec.experiment import parse_spec
from core.system import finite_json
from core.system.errors import Cancelled

Report = Callable[[Cell, Row, int, int], None]
"""Called with a cell, its row, the number of cells done, and of all."""
_SHARE = 0.5
"""Of the time that is left, what one cell has: of large data, judging the first would else take the others' time."""
LOOK_SECONDS = 0.2
"""Between two looks for the file that stops an audit."""


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
        minutes: after which no further cell begins, and nothing further of one; None for no limit.
        device: "auto", "cpu" or "cuda".
        report: called after every cell.

    Returns:
        The content of audit.json; empty where it was stopped before anything was measured.

    Raises:
        StoreError: the folder can't be read or written.
        PoisonLabError: a cell can't be run.
    """
    end = None if minutes is None else time.monotonic() + 60 * minutes
    rows = measured(folder)
    (folder / STOP).unlink(missing_ok=True)
    # What a lack of time had cut short is measured again, as the first and with all the time.
    missing = [cell for cell in plan.cells if rows.get(cell.spec.hash, {"is_cut": True}).get("is_cut")]
    done = len(plan.cells) - len(missing)

    for cell in missing:
        begun = time.monotonic()
        if (folder / STOP).exists() or (rows and end is not None and begun >= end):
            break
        until = None if end is None else begun + _SHARE * max(0.0, end - begun)
        try:
            rows[cell.spec.hash] = measure(cell, device, stopping(folder), partial(_is_over, until))
        except Cancelled:
            break
        done += 1
        write(folder / MEASURED, finite_json.dumps(rows, indent=1))
        report(cell, rows[cell.spec.hash], done, len(plan.cells))
    return write_report(plan, folder, rows) if rows else {}


def _is_over(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until


def stopping(folder: Path) -> Observer:
    """An observer that raises `Cancelled` at the next step of an experiment once the audit of a folder is stopped.

    What was measured before stays; the experiment itself is measured when the audit goes on.
    """
    looked_at = -float("inf")

    def look(event: Event) -> None:
        nonlocal looked_at
        now = time.monotonic()
        if now - looked_at >= LOOK_SECONDS:
            looked_at = now
            if (folder / STOP).exists():
                raise Cancelled("The audit was stopped.")

    return look


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
    write(folder / CONTENT, as_json(content))
    write(folder / PAGE, document(content))
    return content


def conduct_asked(root: str, asked: dict[str, Any], minutes: float) -> None:
    """Conduct an audit for a page: into the folder that belongs to its pipeline, with the report after every cell.

    Args:
        root: the folder of the store, which audits don't use.
        asked: the base of the audit, a spec as JSON.
        minutes: that it may take.

    Raises:
        PoisonLabError: see `conduct`.
    """
    base = parse_spec(asked)
    folder = folder_of(base)
    plan = make_plan(base, minutes, known=measured(folder).keys())

    def report(cell: Cell, row: Row, done: int, total: int) -> None:
        write_report(plan, folder, measured(folder))

    conduct(plan, folder, minutes=minutes, report=report)
