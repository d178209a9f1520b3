"""The grid of experiments behind the evidence. Free of torch."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from core.attacks.registry import RECORDS
from core.catalog import choices
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import PLUGINS
from core.system.errors import unknown

PAIRS = (
    ("fashion-mnist", "resnet10-small-fashion-mnist"),
    ("fashion-mnist", "resnet10-small-mnist"),
    ("mnist", "resnet10-small-mnist"),
    ("mnist", "resnet10-small-fashion-mnist"),
)
"""Data and extractor: two data sets, each with an extractor pretrained on it (fine-tuning) and one of the same
architecture pretrained on the other (transfer)."""
BUDGETS = (0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
SIZES = {"train_size": 1000, "test_size": 2000}
LABEL_RULES = {"ue-input": "clean"}
"""Unlearnable examples keep their labels, as published; all others get the least likely labels under the clean head."""
FREE_STEPS: dict[str, dict[str, Any]] = {"tgda-input": {"lr": 0.3}}
"""Parameters under the constraint `none`: unbounded pixels need larger steps."""


def pairs(data: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The pairs of some data sets, or all pairs.

    Raises:
        SpecError: a data set has no pairs.
    """
    known = list(dict.fromkeys(name for name, _ in PAIRS))
    for name in data:
        if name not in known:
            raise unknown("data set of the evidence", name, known)
    return [pair for pair in PAIRS if pair[0] in (data or known)]


def attack_constraint_pairs() -> list[tuple[str, str]]:
    """Each built-in attack with each constraint that it supports, in the order of the catalog."""
    shipped = {name: record for name, record in RECORDS.items() if name not in PLUGINS}
    return [(name, constraint) for name, record in shipped.items() for constraint in record.constraints]


def _label_rule(attack: str) -> str:
    rule, rules = LABEL_RULES.get(attack, "adversarial"), RECORDS[attack].label_rules
    return rule if rule in rules else rules[0]


def specs(
    among: Iterable[tuple[str, str]] = PAIRS,
    budgets: Iterable[float] = BUDGETS,
    seeds: Sequence[int] = SEEDS,
    sizes: dict[str, int] | None = None,
) -> list[ExperimentSpec]:
    """All experiments of the grid, by seed and then by budget, so that interrupted measurements are useful.

    Args:
        among: pairs of data and extractor.
        budgets: budgets ε_d.
        seeds: of the runs.
        sizes: `train_size` and `test_size`; None for `SIZES`.

    Raises:
        SpecError: invalid names or values.
    """
    specs = []
    for seed, budget, (data, extractor), (attack, constraint) in product(
        seeds, budgets, among, attack_constraint_pairs()
    ):
        values: dict[str, Any] = {
            **(sizes or SIZES),
            "data": data,
            "extractor": extractor,
            "attack": {"name": attack, **(FREE_STEPS.get(attack, {}) if constraint == "none" else {})},
            "constraint": constraint,
            "label_rule": _label_rule(attack),
            "budget": budget,
            "seed": seed,
        }
        specs.append(choices.resolve(parse_spec(values)))
    return specs
