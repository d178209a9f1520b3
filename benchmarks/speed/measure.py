"""Seconds of ways that are compared, in turn, so that a busy machine weighs on all; the tables of them; and growth."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy.stats import linregress

from core.system.tables import markdown_table

Run = Callable[[], object]
T = TypeVar("T")

LEAST, MOST = 3, 9
"""Rounds."""
SECONDS = 5.0
"""After which no round begins beyond the least."""


@dataclass(frozen=True)
class Row:
    """One way to do something.

    Attributes:
        case: what is done, and of what size; the first row of a case is ours.
        way: how.
        seconds: of each round.
        notes: further cells by the title of their column, the same titles in all rows of a table.
    """

    case: str
    way: str
    seconds: list[float]
    notes: dict[str, str]


def seconds(run: Run, place: torch.device) -> float:
    """Of one call, until the device has done it."""
    begun = time.perf_counter()
    run()
    if place.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def in_turn(runs: Mapping[str, Callable[[], T]], place: torch.device) -> tuple[dict[str, list[float]], dict[str, T]]:
    """Seconds of each round of each way, after a round that warms up; and what that one gave."""
    given = {name: run() for name, run in runs.items()}
    found: dict[str, list[float]] = {name: [] for name in runs}
    begun = time.perf_counter()
    for done in range(MOST):
        if done >= LEAST and time.perf_counter() - begun > SECONDS:
            break
        for name, run in runs.items():
            found[name].append(seconds(run, place))
    return found, given


def slope(sizes: Sequence[float], taken: Sequence[float]) -> tuple[float, float]:
    """Of the logarithm of seconds against that of the size, and r²; 1 is growth in proportion, 2 that of squares."""
    fitted = linregress(np.log(sizes), np.log(taken))
    return float(fitted.slope), float(fitted.rvalue**2)


def comparison(found: Mapping[str, Sequence[Row]]) -> str:
    """The table of rows by device; of a GPU, the seconds of what was measured there."""
    rows = found["cpu"]
    gpu = {(row.case, row.way): row.seconds for row in found.get("cuda", ())}
    ours: dict[str, float] = {}
    cells = []
    for row in rows:
        median = statistics.median(row.seconds)
        ratio = median / ours.setdefault(row.case, median)
        there = told(gpu.get((row.case, row.way), ()))
        cells.append([f"{row.case}: {row.way}", told(row.seconds), f"{ratio:.2f}", *row.notes.values(), there])
    return markdown_table(["", "Time", "Times as long", *rows[0].notes, "Time on a GPU"], cells)


def told(taken: Sequence[float]) -> str:
    """The median in words; "" of nothing."""
    if not taken:
        return ""
    median = statistics.median(taken)
    return f"{median:.3g} s" if median >= 1 else f"{1e3 * median:.3g} ms"
