"""Measurements are frozen in docs/results.json: attacks and defences registered later are "not measured yet"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.defences.registry import RECORDS
from core.evidence.measurements import Key, MeasuredRow, key_of
from core.spec.experiment import ExperimentSpec
from core.spec.registry import PLUGINS


@dataclass(frozen=True)
class Frozen:
    """Measured and missing parts of the requested experiments.

    Attributes:
        rows: experiments measured on every seed, in the requested order.
        defences: names of the defences that were measured on each of these.
        missing: settings that were not measured on every seed.
        missing_defences: names of the defences that were not measured on all rows.
    """

    rows: list[MeasuredRow]
    defences: list[str]
    missing: list[Key]
    missing_defences: list[str]


def frozen(experiments: Sequence[ExperimentSpec], known: Mapping[str, MeasuredRow]) -> Frozen:
    """Split requested experiments into measured and missing ones.

    Args:
        experiments: the experiments, on every seed.
        known: measured rows by the hash of the spec, possibly of further experiments.
    """
    by_experiment: dict[str, list[ExperimentSpec]] = {}
    for spec in experiments:
        by_experiment.setdefault(_without_seed(spec), []).append(spec)
    complete = {key: all(spec.hash in known for spec in specs) for key, specs in by_experiment.items()}
    rows = [known[spec.hash] for spec in experiments if complete[_without_seed(spec)]]
    missing = [key_of(spec.model_dump(mode="json")) for spec in experiments if not complete[_without_seed(spec)]]
    names = [name for name in RECORDS if name not in PLUGINS]
    measured = [name for name in names if all(name in row["defences"] for row in rows)]
    return Frozen(rows, measured, list(dict.fromkeys(missing)), [name for name in names if name not in measured])


def _without_seed(spec: ExperimentSpec) -> str:
    return spec.model_copy(update={"seed": 0}).to_json()
