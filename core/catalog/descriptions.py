"""What is known of an attack with the settings of one experiment, as plain data.

A result that a plug-in made keeps its description, so that it is shown where the plug-in is not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.attacks.record import AttackRecord, Explanation
from core.attacks.registry import RECORDS
from core.spec.experiment import ExperimentSpec
from core.spec.models import UnknownAttack
from core.spec.registry import PLUGINS


@dataclass(frozen=True)
class StageDescription:
    """What a stage does, and whether its steps are of one try."""

    explanation: Explanation
    single_try: bool = True


@dataclass(frozen=True)
class AttackDescription:
    """An attack with the settings of one experiment.

    Attributes:
        title: what a person calls it.
        about: what it does, in one sentence.
        makes_images: whether it ends with images, or with feature vectors.
        stages: those that run with these settings, by name and in order.
        report_steps: what it does, step by step.
        outcome: one sentence on how the poison came about, where the stages don't say it.
    """

    title: str
    about: str
    makes_images: bool
    stages: Mapping[str, StageDescription]
    report_steps: tuple[str, ...]
    outcome: str = ""

    @classmethod
    def of(cls, record: AttackRecord, spec: ExperimentSpec) -> "AttackDescription":
        """Ask a record."""
        return cls(
            title=record.title,
            about=record.about,
            makes_images=record.makes_images,
            stages={
                stage.name: StageDescription(stage.explain(spec.attack), bool(stage.single_try(spec.attack)))
                for stage in record.stages_of(spec.attack)
            },
            report_steps=tuple(record.report_steps(spec)),
            outcome=record.outcome,
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AttackDescription":
        """Read what `to_json` has written."""
        stages = {
            name: StageDescription(Explanation(**stage["explanation"]), bool(stage["single_try"]))
            for name, stage in stored["stages"].items()
        }
        return cls(**{**stored, "stages": stages, "report_steps": tuple(stored["report_steps"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "report_steps": list(self.report_steps)}


def describe(spec: ExperimentSpec, plugins: Mapping[str, Any] | None = None) -> AttackDescription:
    """What is known of an experiment's attack: by its record, else by what the result has kept of it.

    Args:
        spec: of the experiment, resolved.
        plugins: what a result.json holds under this name.
    """
    name = spec.attack.name
    kept = (plugins or {}).get(name)
    is_loaded = name in RECORDS and not isinstance(spec.attack, UnknownAttack)
    if is_loaded and PLUGINS.get(name) == dict(spec.plugins).get(name):
        return AttackDescription.of(RECORDS[name], spec)
    if kept is not None and "description" in kept:
        return AttackDescription.from_json(kept["description"])
    # A spec alone, of a plug-in that is not here: of a result at least this much can be said.
    return AttackDescription(name, "An attack of a plug-in that is not here.", True, {}, (), "")


def of_plugins(spec: ExperimentSpec) -> dict[str, dict[str, Any]]:
    """What a result keeps of the plug-ins that made it, by name; empty without any."""
    kept: dict[str, dict[str, Any]] = {name: {"sha256": digest} for name, digest in spec.plugins}
    if spec.attack.name in kept:
        kept[spec.attack.name]["description"] = describe(spec).to_json()
    return kept
