"""Sweeps: accuracy against budget, or attacks against extractors, over seeds. Free of torch.

A sweep is only a list of specs; its results are those of them that the store holds. It is therefore resumable, shares
runs with everything else, and can be shown while it is being computed.
"""

import csv
import io
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.special import stdtrit

from core.attacks.registry import record_of
from core.catalog.choices import resolve
from core.experiments.summary import RunSummary
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import SpecError

BUDGETS = (0.01, 0.03, 0.1, 0.2)
MAX_RUNS = 64
"""Runs in one sweep: the engine's limit of runs in flight per person."""
FLIPS: dict[str, Any] = {"attack": "label-flip", "label_rule": "random"}
"""The baseline of every sweep: random label flips on unmodified images."""
INSTEAD = ("adversarial", "random", "clean", "chosen")
"""Label rules in the order in which they stand in for one that an attack does not support."""


@dataclass(frozen=True)
class Cell:
    """One attack, extractor and budget of a sweep.

    Attributes:
        attack: name of the attack; "flips" for the baseline.
        extractor: name of the extractor.
        budget: ε_d.
        specs: one experiment per seed.
    """

    attack: str
    extractor: str
    budget: float
    specs: tuple[ExperimentSpec, ...]


@dataclass(frozen=True)
class CellResult:
    """Results of a cell so far: accuracies in [0, 1], one per finished seed."""

    cell: Cell
    clean: list[float] = field(default_factory=list)
    poisoned: list[float] = field(default_factory=list)

    @property
    def drop(self) -> "Interval | None":
        """Interval of the drop of accuracy, in points; None without a finished seed."""
        return interval([100 * (a - b) for a, b in zip(self.clean, self.poisoned, strict=True)])


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its 95 % confidence interval (Student's t); of zero width with one seed."""

    mean: float
    low: float
    high: float
    seeds: int


def interval(values: Sequence[float]) -> Interval | None:
    """The confidence interval of some measurements; None if there are none."""
    if not values:
        return None
    mean = statistics.mean(values)
    reach = 0.0
    if len(values) > 1:
        reach = float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / len(values) ** 0.5
    return Interval(mean, mean - reach, mean + reach, len(values))


def cells(
    base: ExperimentSpec,
    attacks: Iterable[str],
    budgets: Iterable[float],
    seeds: Iterable[int],
    extractors: Iterable[str] = (),
) -> list[Cell]:
    """The cells of a sweep: random flips first, then each attack, on each extractor at each budget.

    Args:
        base: the common settings. An attack that does not support its constraint gets the last that it supports, and
            instead of its label rule the first of `INSTEAD`; the base's own attack keeps its parameters.
        attacks: names of attacks.
        budgets: budgets ε_d.
        seeds: seeds, each of which is one run per cell.
        extractors: names of extractors; if empty, that of `base`.

    Raises:
        SpecError: invalid names or values, or more than `MAX_RUNS` experiments.
    """
    budgets, seeds = list(budgets), list(seeds)
    cells = []
    for extractor in list(extractors) or [base.extractor]:
        size = base.input_size if extractor == base.extractor else None
        shared = {**base.model_dump(), "extractor": extractor, "input_size": size}
        for attack in ["flips", *attacks]:
            for budget in budgets:
                values = {**shared, **_attack(base, attack), "budget": budget}
                specs = tuple(resolve(parse_spec({**values, "seed": seed})) for seed in seeds)
                cells.append(Cell(attack, extractor, budget, specs))
    count = len(hashes(cells))
    if count > MAX_RUNS:
        raise SpecError(f"This sweep has {count} runs, at most {MAX_RUNS} are allowed: take fewer budgets or seeds.")
    return cells


def _attack(base: ExperimentSpec, name: str) -> dict[str, Any]:
    if name == "flips":
        return FLIPS
    constraints, rules = record_of(name).constraints, record_of(name).label_rules
    return {
        "attack": base.attack.model_dump() if base.attack.name == name else name,
        "constraint": base.constraint if base.constraint in constraints else constraints[-1],
        "label_rule": next(rule for rule in (base.label_rule, *INSTEAD) if rule in rules),
    }


def hashes(cells: Iterable[Cell]) -> dict[str, ExperimentSpec]:
    """The distinct experiments of a sweep by hash, in order."""
    return {spec.hash: spec for cell in cells for spec in cell.specs}


def collect(cells: Iterable[Cell], summary_of: Callable[[str], RunSummary | None]) -> list[CellResult]:
    """Collect the results of each cell.

    Args:
        places: the cells of a sweep.
        summary_of: returns the summary of a finished run by its hash, else None.
    """
    results = []
    for cell in cells:
        summaries = [summary for spec in cell.specs if (summary := summary_of(spec.hash)) is not None]
        clean = [summary.clean.accuracy for summary in summaries]
        results.append(CellResult(cell, clean, [summary.poisoned.accuracy for summary in summaries]))
    return results


def result_rows(results: Iterable[CellResult]) -> list[dict[str, Any]]:
    """Results as plain rows, for a data frame or a file; missing values are None."""
    rows = []
    for result in results:
        drop = result.drop
        rows.append(
            {
                "attack": result.cell.attack,
                "extractor": result.cell.extractor,
                "budget": result.cell.budget,
                "seeds": len(result.clean),
                "clean": statistics.mean(result.clean) if result.clean else None,
                "poisoned": statistics.mean(result.poisoned) if result.poisoned else None,
                "drop_points": drop.mean if drop else None,
                "drop_low": drop.low if drop else None,
                "drop_high": drop.high if drop else None,
            }
        )
    return rows


def as_csv(results: Iterable[CellResult]) -> str:
    """`result_rows` as CSV."""
    rows, text = result_rows(results), io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
