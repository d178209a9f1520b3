"""What was measured, found by what was asked, and compared seed by seed."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.experiments.sweep import Interval, interval

MeasuredRow = dict[str, Any]
"""A row of docs/results.json: see `core.evidence.attacks.measured`."""


class Key(NamedTuple):
    """What the seeds of one experiment have in common."""

    data: str
    extractor: str
    attack: str
    constraint: str
    budget: float


class Measurements:
    """What was measured, found by what was asked."""

    def __init__(self, measured: Iterable[MeasuredRow]) -> None:
        """Group by seed."""
        self.by_key: dict[Key, dict[int, MeasuredRow]] = {}
        for row in measured:
            spec = row["spec"]
            key = Key(spec["data"], spec["extractor"], spec["attack"]["name"], spec["constraint"], spec["budget"])
            self.by_key.setdefault(key, {})[spec["seed"]] = row

    @property
    def seeds(self) -> list[int]:
        """Those that every experiment has."""
        return sorted(set.intersection(*(set(by_seed) for by_seed in self.by_key.values())))

    def values(self, key: Key, of: Callable[[MeasuredRow], float]) -> dict[int, float] | None:
        """A number for each seed; None where this experiment is not there."""
        by_seed = self.by_key.get(key)
        return None if by_seed is None else {seed: of(by_seed[seed]) for seed in self.seeds}

    def select(
        self, attacks: Sequence[str], constraints: Sequence[str] = (), budgets: Sequence[float] = ()
    ) -> Iterator[Key]:
        """The experiments with one of the attacks, and of the constraints and budgets if any are given."""
        for key in self.by_key:
            is_bound_so = not constraints or key.constraint in constraints
            if key.attack in attacks and is_bound_so and (not budgets or key.budget in budgets):
                yield key


def accuracy_drop(row: MeasuredRow) -> float:
    """Points of test accuracy that the poison costs."""
    return float(100 * (row["clean"] - row["poisoned"]))


def stage2_drop(row: MeasuredRow) -> float:
    """The same of the poisoned features, before they became images."""
    return float(100 * (row["clean"] - row["stage2"]))


@dataclass(frozen=True)
class Comparison:
    """Experiments that differ in one thing, compared seed by seed.

    Attributes:
        words: what is compared, as in "transfer minus fine-tuning, in points".
        differences: of each pair of experiments, a number for each seed.
        unit: of the numbers.
    """

    description: str
    differences: list[dict[int, float]]
    unit: str = "points"

    @property
    def pooled(self) -> Interval | None:
        """Of the seeds' means over all pairs: pairs of one seed share their images and are not independent."""
        if not self.differences:
            return None
        seeds = self.differences[0]
        return interval([statistics.mean(difference[seed] for difference in self.differences) for seed in seeds])

    @property
    def counts(self) -> tuple[int, int, int]:
        """Pairs whose own interval lies above 0, below 0, and over it."""
        intervals = [interval(list(difference.values())) for difference in self.differences]
        above = sum(single is not None and single.low > 0 for single in intervals)
        below = sum(single is not None and single.high < 0 for single in intervals)
        return above, below, len(intervals) - above - below


def paired(measurements: Measurements, description: str, keys: Iterable[Key], **other: Any) -> Comparison:
    """Points that each experiment loses more than one that differs in `other` fields, where both are there."""
    differences = []
    for key in keys:
        mine, theirs = (
            measurements.values(key, accuracy_drop),
            measurements.values(key._replace(**other), accuracy_drop),
        )
        if mine is not None and theirs is not None:
            differences.append({seed: mine[seed] - theirs[seed] for seed in mine})
    return Comparison(description, differences)
