"""What was measured is frozen data, in docs/results.json: whatever is registered since is not measured yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.defences.registry import RECORDS
from core.evidence.measurements import MeasuredRow
from core.spec.experiment import ExperimentSpec
from core.spec.registry import PLUGINS


@dataclass(frozen=True)
class Frozen:
    """What is known of the experiments that were asked for.

    Attributes:
        rows: those that were measured on every seed, in the order in which they were asked for.
        defences: the names of the defences that went over each of these.
        missing: attack and constraint of every experiment that was not, each pair once.
        missing_defences: the defences that went over none, or not over all.
    """

    rows: list[MeasuredRow]
    defences: list[str]
    missing: list[tuple[str, str]]
    missing_defences: list[str]


def frozen(todo: Sequence[ExperimentSpec], known: Mapping[str, MeasuredRow]) -> Frozen:
    """Sort out what was measured of some experiments.

    Args:
        todo: the experiments, on every seed.
        known: rows by the hash of the spec; others may be among them.
    """
    by_experiment: dict[str, list[ExperimentSpec]] = {}
    for spec in todo:
        by_experiment.setdefault(_without_seed(spec), []).append(spec)
    complete = {key: all(spec.hash in known for spec in specs) for key, specs in by_experiment.items()}
    rows = [known[spec.hash] for spec in todo if complete[_without_seed(spec)]]
    missing = [(spec.attack.name, spec.constraint) for spec in todo if not complete[_without_seed(spec)]]
    names = [name for name in RECORDS if name not in PLUGINS]
    measured = [name for name in names if all(name in row["defences"] for row in rows)]
    return Frozen(rows, measured, list(dict.fromkeys(missing)), [name for name in names if name not in measured])


def _without_seed(spec: ExperimentSpec) -> str:
    return spec.model_copy(update={"seed": 0}).to_json()
