"""Measurements are frozen in docs/results.json: attacks and defences registered later are "not measured yet".

What was measured on some seeds only counts by these, from two on; the page says where it has fewer than planned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.defences.registry import RECORDS
from core.evidence import knowledge
from core.evidence.measurements import Key, Limited, MeasuredRow, key_of
from core.spec.experiment import ExperimentSpec
from core.spec.registry import PLUGINS

FEWEST_SEEDS = 2
"""Below it a mean has no interval."""


@dataclass(frozen=True)
class Frozen:
    """Measured and missing parts of the requested experiments.

    Attributes:
        rows: experiments measured on at least `FEWEST_SEEDS` seeds, or on all if fewer are asked for, in the requested
            order.
        defences: names of the defences that were measured on any of these.
        missing: settings that were measured on fewer seeds.
        missing_defences: names of the defences that were not measured on all rows.
        limited: what attackers that know less did, see `core.evidence.knowledge.drops`.
    """

    rows: list[MeasuredRow]
    defences: list[str]
    missing: list[Key]
    missing_defences: list[str]
    limited: Limited = field(default_factory=dict)


def frozen(experiments: Sequence[ExperimentSpec], known: Mapping[str, MeasuredRow]) -> Frozen:
    """Split requested experiments into measured and missing ones.

    Args:
        experiments: the experiments, on every seed.
        known: measured rows by the hash of the spec, possibly of further experiments.
    """
    by_experiment: dict[str, list[ExperimentSpec]] = {}
    for spec in experiments:
        by_experiment.setdefault(_without_seed(spec), []).append(spec)
    enough = {
        key: sum(spec.hash in known for spec in specs) >= min(FEWEST_SEEDS, len(specs))
        for key, specs in by_experiment.items()
    }
    rows = [known[spec.hash] for spec in experiments if enough[_without_seed(spec)] and spec.hash in known]
    missing = [key_of(spec.model_dump(mode="json")) for spec in experiments if not enough[_without_seed(spec)]]
    names = [name for name in RECORDS if name not in PLUGINS]
    measured = [name for name in names if any(name in row["defences"] for row in rows)]
    partly = [name for name in names if not all(name in row["defences"] for row in rows)]
    return Frozen(rows, measured, list(dict.fromkeys(missing)), partly, knowledge.drops(experiments, known))


def _without_seed(spec: ExperimentSpec) -> str:
    return spec.model_copy(update={"seed": 0}).to_json()
