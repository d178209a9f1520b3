"""The grid of experiments behind the evidence. Free of torch."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from core.attacks.registry import RECORDS
from core.catalog import choices
from core.spec.experiment import ExperimentSpec, LabelRule, parse_spec
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
FAR = (("fashion-mnist", "efficientnet-lite0-imagenet"),)
"""A far transfer: an extractor of another architecture, trained with labels on photographs of another domain."""
BUDGETS = (0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
SIZES = {"train_size": 1000, "test_size": 2000}
LABEL_RULES: dict[str, LabelRule] = {"ue-input": "clean"}
"""Unlearnable examples keep their labels, as published; all others get the least likely labels under the clean head."""
RULES: tuple[LabelRule, ...] = ("clean", "adversarial", "chosen")
"""The label rules that are compared, under `RULE_CONSTRAINT` and at `RULE_BUDGET` alone: each costs hours."""
RULE_CONSTRAINT, RULE_BUDGET = "valid", 0.03
NARROW: dict[str, tuple[LabelRule, ...]] = {"fw-input": RULES, "best-input": ("chosen",)}
"""Attacks that are measured where label rules are compared only, since they take a minute or more, with their rules:
a portfolio tries all rules by itself."""
COMPARED = ("tgda-input", "ft-matching", "tgda-feature")
"""Attacks whose label rules are compared besides the narrow ones: the strongest of each family."""
FAR_ATTACKS: dict[str, tuple[LabelRule, ...]] = {
    "label-flip": ("adversarial",),
    "tgda-feature": ("clean", "adversarial"),
    "ft-matching": ("clean", "adversarial"),
    "fw-input": ("clean",),
}
"""What is measured in the far transfer, and under which label rules."""
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
    return [pair for pair in (*PAIRS, *FAR) if pair[0] in (data or known)]


def attack_constraint_pairs() -> list[tuple[str, str]]:
    """Each built-in attack that is measured everywhere, with each constraint it supports, in the catalog's order."""
    shipped = {name: record for name, record in RECORDS.items() if name not in PLUGINS and name not in NARROW}
    return [(name, constraint) for name, record in shipped.items() for constraint in record.constraints]


def label_rule(attack: str) -> str:
    """The label rule that an attack has wherever rules are not compared."""
    rule, rules = LABEL_RULES.get(attack, "adversarial"), RECORDS[attack].label_rules
    return rule if rule in rules else rules[0]


def _settings(pair: tuple[str, str], budget: float) -> list[tuple[str, str, str]]:
    """Attacks, constraints and label rules that are measured on data and extractor with a budget."""
    if pair in FAR:
        ruled = FAR_ATTACKS
        everywhere = []
    else:
        ruled = {**dict.fromkeys(COMPARED, RULES), **NARROW}
        everywhere = [(attack, constraint, label_rule(attack)) for attack, constraint in attack_constraint_pairs()]
    if budget != RULE_BUDGET:
        return everywhere
    compared = [(attack, RULE_CONSTRAINT, rule) for attack, rules in ruled.items() for rule in rules]
    return list(dict.fromkeys([*everywhere, *compared]))


def specs(
    among: Iterable[tuple[str, str]] = (*PAIRS, *FAR),
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
    for seed, budget, pair in product(seeds, budgets, among):
        for attack, constraint, rule in _settings(pair, budget):
            values: dict[str, Any] = {
                **(sizes or SIZES),
                "data": pair[0],
                "extractor": pair[1],
                "attack": {"name": attack, **(FREE_STEPS.get(attack, {}) if constraint == "none" else {})},
                "constraint": constraint,
                "label_rule": rule,
                "budget": budget,
                "seed": seed,
            }
            specs.append(choices.resolve(parse_spec(values)))
    return specs
