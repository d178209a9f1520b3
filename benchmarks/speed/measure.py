"""Timings of alternatives in turn, so that other load affects all alike; tables of them; and scaling exponents."""

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

MIN_ROUNDS, MAX_ROUNDS = 3, 9
"""Bounds on the number of rounds."""
SECONDS = 5.0
"""Time after which no more rounds than the minimum are started."""


@dataclass(frozen=True)
class Row:
    """One alternative.

    Attributes:
        case: task and size; the first row of a case is ours.
        way: name of the alternative.
        seconds: of each round.
        notes: further cells by the title of their column, the same titles in all rows of a table.
    """

    case: str
    way: str
    seconds: list[float]
    notes: dict[str, str]


def seconds(run: Run, place: torch.device) -> float:
    """Seconds of one call, including the work of the device."""
    start = time.perf_counter()
    run()
    if place.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def in_turn(runs: Mapping[str, Callable[[], T]], place: torch.device) -> tuple[dict[str, list[float]], dict[str, T]]:
    """Seconds of each round of each alternative, after a warm-up; and the results of the warm-up."""
    results = {name: run() for name, run in runs.items()}
    timings: dict[str, list[float]] = {name: [] for name in runs}
    start = time.perf_counter()
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() - start > SECONDS:
            break
        for name, run in runs.items():
            timings[name].append(seconds(run, place))
    return timings, results


def slope(sizes: Sequence[float], taken: Sequence[float]) -> tuple[float, float]:
    """Of the logarithm of seconds against that of the size, and r²; 1 is growth in proportion, 2 that of squares."""
    fitted = linregress(np.log(sizes), np.log(taken))
    return float(fitted.slope), float(fitted.rvalue**2)


def comparison(rows_by_device: Mapping[str, Sequence[Row]]) -> str:
    """The table of rows by device; of a GPU, the seconds of what was measured there."""
    rows = rows_by_device["cpu"]
    gpu = {(row.case, row.way): row.seconds for row in rows_by_device.get("cuda", ())}
    ours: dict[str, float] = {}
    cells = []
    for row in rows:
        median = statistics.median(row.seconds)
        ratio = median / ours.setdefault(row.case, median)
        there = format_median(gpu.get((row.case, row.way), ()))
        cells.append([f"{row.case}: {row.way}", format_median(row.seconds), f"{ratio:.2f}", *row.notes.values(), there])
    return markdown_table(["", "Time", "Times as long", *rows[0].notes, "Time on a GPU"], cells)


def format_median(taken: Sequence[float]) -> str:
    """The median as text; "" without timings."""
    if not taken:
        return ""
    median = statistics.median(taken)
    return f"{median:.3g} s" if median >= 1 else f"{1e3 * median:.3g} ms"
