"""Look-up of measurements by experiment, and comparisons seed by seed."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.evidence import grid
from core.experiments.sweep import Interval, interval

MeasuredRow = dict[str, Any]
"""A row of docs/results.json: see `core.evidence.attacks.measured`."""


Limited = Mapping[tuple[str, str, str], Mapping[int, tuple[float, float]]]
"""Points lost to an attacker that knows everything and to one that knows less; by attack, what it does not know,
what it has, and seed."""


class Key(NamedTuple):
    """The settings that identify an experiment across its seeds."""

    data: str
    extractor: str
    attack: str
    constraint: str
    budget: float
    label_rule: str


def key_of(spec: dict[str, Any]) -> Key:
    """The settings of a spec in the form of JSON."""
    names = ("data", "extractor", "constraint", "budget", "label_rule")
    return Key(attack=spec["attack"]["name"], **{name: spec[name] for name in names})


class Measurements:
    """Measurements by experiment and seed.

    Args:
        measured: rows of docs/results.json, of attackers that know everything.
        limited: see `core.evidence.knowledge.drops`.
    """

    def __init__(self, measured: Iterable[MeasuredRow], limited: Limited | None = None) -> None:
        """Group by seed."""
        self.limited: Limited = limited or {}
        self.by_key: dict[Key, dict[int, MeasuredRow]] = {}
        for row in measured:
            self.by_key.setdefault(key_of(row["spec"]), {})[row["spec"]["seed"]] = row

    @property
    def seeds(self) -> list[int]:
        """Seeds of any experiment."""
        return sorted({seed for by_seed in self.by_key.values() for seed in by_seed})

    def values(self, key: Key, value_of: Callable[[MeasuredRow], float]) -> dict[int, float] | None:
        """A number for each seed that the experiment was measured on; None if it was on none."""
        by_seed = self.by_key.get(key)
        return None if by_seed is None else {seed: value_of(by_seed[seed]) for seed in sorted(by_seed)}

    def select(
        self,
        attacks: Sequence[str],
        constraints: Sequence[str] = (),
        budgets: Sequence[float] = (),
        label_rules: Sequence[str] = (),
    ) -> Iterator[Key]:
        """Select experiments; those in the far transfer only by their label rules.

        Args:
            attacks: names of attacks.
            constraints: names of constraints; empty for all.
            budgets: budgets ε_d; empty for all.
            label_rules: names of label rules; empty for the one that an attack has where rules are not compared.
        """
        for key in self.by_key:
            by_rule = key.label_rule in label_rules
            if not label_rules:
                by_rule = key.label_rule == grid.label_rule(key.attack) and key[:2] not in grid.FAR
            has_constraint = not constraints or key.constraint in constraints
            if by_rule and key.attack in attacks and has_constraint and (not budgets or key.budget in budgets):
                yield key


def accuracy_drop(row: MeasuredRow) -> float:
    """Drop of test accuracy, in points."""
    return float(100 * (row["clean"] - row["poisoned"]))


def stage2_drop(row: MeasuredRow) -> float:
    """Drop of test accuracy by the poisoned features, before they became images, in points."""
    return float(100 * (row["clean"] - row["stage2"]))


@dataclass(frozen=True)
class Comparison:
    """Experiments that differ in one setting, compared seed by seed.

    Attributes:
        description: such as "transfer minus fine-tuning".
        differences: for each pair of experiments, a number per seed.
        unit: of the numbers.
    """

    description: str
    differences: list[dict[int, float]]
    unit: str = "points"

    @property
    def pooled(self) -> Interval | None:
        """Interval of the means over all pairs per seed, as pairs of one seed share images and are not independent.

        Of the seeds that all pairs have in common, so that every mean is over the same pairs; None without any.
        """
        seeds = sorted(set.intersection(*map(set, self.differences))) if self.differences else []
        if not seeds:
            return None
        return interval([statistics.mean(difference[seed] for difference in self.differences) for seed in seeds])

    @property
    def counts(self) -> tuple[int, int, int]:
        """Numbers of pairs whose own interval lies above 0, below 0, and across 0."""
        intervals = [interval(list(difference.values())) for difference in self.differences]
        above = sum(single is not None and single.low > 0 for single in intervals)
        below = sum(single is not None and single.high < 0 for single in intervals)
        return above, below, len(intervals) - above - below


def paired(measurements: Measurements, description: str, keys: Iterable[Key], **other: Any) -> Comparison:
    """Compare the drops of experiments with those of experiments that differ in some fields, by the seeds of both.

    Args:
        measurements: all measurements.
        description: of the comparison.
        keys: the experiments.
        **other: fields of `Key` and their values in the experiments to subtract.
    """
    differences = []
    for key in keys:
        drops, other_drops = (
            measurements.values(key, accuracy_drop),
            measurements.values(key._replace(**other), accuracy_drop),
        )
        if drops is not None and other_drops is not None:
            differences.append({seed: drops[seed] - other_drops[seed] for seed in drops if seed in other_drops})
    return Comparison(description, differences)
