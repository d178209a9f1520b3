"""Attackers that know less than everything, beside the same ones with all knowledge: what is left of the damage."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from core.attacks.registry import record_of
from core.audit import limits
from core.catalog.choices import resolve
from core.evidence import grid
from core.evidence.claim import Claim, at_least, below
from core.evidence.measurements import Comparison, Limited, MeasuredRow, Measurements, accuracy_drop
from core.experiments.sweep import Interval, interval
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.numbers import fixed
from core.system.tables import markdown_table, plus_minus

ATTACKS = ("fw-input", "ft-matching", "tgda-feature")
"""The strongest of each family."""
PAIR, LABEL_RULE = grid.PAIRS[0], "clean"
HALF = 50.0
"""Percent of its damage: where an attacker keeps more without something, keeping that secret is worth little."""

Pair = tuple[ExperimentSpec, str, ExperimentSpec]
"""An experiment whose attacker knows everything, what another one does not know, and the experiment of that."""


def pairs(experiments: Iterable[ExperimentSpec]) -> list[Pair]:
    """What is compared, by attack and by what the attacker does not know.

    Args:
        experiments: those of the evidence, of which few are compared.
    """
    found = [
        (spec, limit, resolve(parse_spec({**spec.model_dump(), **limits.changes(spec, limit)})))
        for spec in experiments
        if spec.attack.name in ATTACKS and (spec.data, spec.extractor) == PAIR
        if (spec.constraint, spec.label_rule) == (grid.RULE_CONSTRAINT, LABEL_RULE) and spec.budget == grid.RULE_BUDGET
        for limit in limits.applicable(spec, makes_images=record_of(spec.attack.name).makes_images)
    ]
    return sorted(found, key=lambda pair: ATTACKS.index(pair[0].attack.name))


def specs(experiments: Iterable[ExperimentSpec]) -> list[ExperimentSpec]:
    """The experiments whose attackers know less, by seed; of `pairs`."""
    return sorted((limited for _, _, limited in pairs(experiments)), key=lambda spec: spec.seed)


def drops(experiments: Iterable[ExperimentSpec], known: Mapping[str, MeasuredRow]) -> Limited:
    """Points lost to an attacker that knows everything and to one that knows less, where both were measured.

    Args:
        experiments: see `pairs`.
        known: measured rows by the hash of the spec.

    Returns:
        By attack, what its attacker does not know, and what it has in words, a pair of drops for each seed.
    """
    found: dict[tuple[str, str, str], dict[int, tuple[float, float]]] = {}
    for spec, limit, limited in pairs(experiments):
        if spec.hash in known and limited.hash in known:
            both = accuracy_drop(known[spec.hash]), accuracy_drop(known[limited.hash])
            found.setdefault((spec.attack.name, limit, limits.words(spec, limit)), {})[spec.seed] = both
    return found


def text(measurements: Measurements) -> str:
    """What each attacker has, and what is left of the damage, as Markdown; "" where nothing was measured."""
    if not measurements.limited:
        return ""
    rows = [
        [
            f"`{attack}`",
            has,
            str(len(by_seed)),
            _mean([full for full, _ in by_seed.values()]),
            _mean([left for _, left in by_seed.values()]),
            ", ".join(f"{fixed(full)} → {fixed(left)}" for _, (full, left) in sorted(by_seed.items())),
        ]
        for (attack, _, has), by_seed in measurements.limited.items()
    ]
    header = ["Attack", "The attacker has", "Seeds", "Drop where it knows all", "Drop", "By seed"]
    intro = (
        f"`{PAIR[0]}` by `{PAIR[1]}` at {100 * grid.RULE_BUDGET:g} % under `{grid.RULE_CONSTRAINT}`, labels "
        f"`{LABEL_RULE}`. The attacker makes its poison on what it has; the defender, its data and the test images are "
        "the same in both columns. Other points are as many as the training set has, none of them in it."
    )
    return f"{intro}\n\n{markdown_table(header, rows, 'llrlll')}"


def _mean(values: Sequence[float]) -> str:
    found = interval(values)
    assert isinstance(found, Interval)
    return plus_minus(found.mean, found.high - found.mean if found.seeds > 1 else None)


def _kept(measurements: Measurements, limit: str) -> list[Comparison]:
    """The percent of its damage that each attack keeps without something, see `core.audit.limits`."""
    comparisons = []
    for (attack, without, has), by_seed in measurements.limited.items():
        if without == limit:
            full = statistics.mean(full for full, _ in by_seed.values())
            shares = {seed: 100 * left / full for seed, (_, left) in by_seed.items()}
            comparisons.append(Comparison(f"`{attack}` with {has}: what it keeps of its damage", [shares], "percent"))
    return comparisons


CLAIMS = (
    Claim(
        "points",
        "An attacker that has other images of the same kind, in place of the training set, keeps more than half of its "
        "damage.",
        "ours",
        partial(_kept, limit=limits.POINTS),
        at_least(HALF),
    ),
    Claim(
        "standin",
        "An attacker that has another extractor, in place of the head's, keeps less than half of its damage.",
        "ours",
        partial(_kept, limit=limits.EXTRACTOR),
        below(HALF),
    ),
)
