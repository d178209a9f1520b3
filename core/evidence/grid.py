"""Which experiments the evidence rests on. Free of torch."""

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
"""Data and extractor: two data sets, each with an extractor of one architecture that has learnt from it (fine-tuning)
and one that has learnt from the other (transfer)."""
BUDGETS = (0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
SIZES = {"train_size": 1000, "test_size": 2000}
LABEL_RULES = {"ue-input": "clean"}
"""Unlearnable examples keep their labels, as published; all others get those that the clean head finds least likely."""
FREE_STEPS: dict[str, dict[str, Any]] = {"tgda-input": {"lr": 0.3}}
"""Parameters under `none`: pixels that may be anything have farther to go than the usual step takes them."""


def pairs(data: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Those of some data sets, or all.

    Raises:
        SpecError: there are none of one of these.
    """
    known = list(dict.fromkeys(name for name, _ in PAIRS))
    for name in data:
        if name not in known:
            raise unknown("data set of the evidence", name, known)
    return [pair for pair in PAIRS if pair[0] in (data or known)]


def attack_constraint_pairs() -> list[tuple[str, str]]:
    """Every attack that ships with every constraint that it can be bound by, in the order of the catalog."""
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
    """Every experiment, seed by seed and cheap budgets first, so that what is broken off is of use.

    Raises:
        SpecError: bad names or values.
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
