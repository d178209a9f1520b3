"""The description of an attack with the settings of one experiment, as plain data.

The result of a plug-in's attack stores its description, so that it can be shown without the plug-in.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.attacks.record import AttackRecord, Explanation
from core.attacks.registry import RECORDS
from core.spec.experiment import ExperimentSpec
from core.spec.models import UnknownAttack
from core.spec.registry import PLUGINS
from core.spec.vectors import are_features


@dataclass(frozen=True)
class StageDescription:
    """What a stage does, and whether all its steps belong to one attempt."""

    explanation: Explanation
    single_try: bool = True


@dataclass(frozen=True)
class AttackDescription:
    """An attack with the settings of one experiment.

    Attributes:
        title: its name for people.
        about: what it does, in one sentence.
        makes_images: whether it produces images, or feature vectors only.
        stages: the stages that run with these settings, by name, in order.
        report_steps: what it does, step by step.
        outcome: one sentence on how the poison came about, if the stages don't say it.
    """

    title: str
    about: str
    makes_images: bool
    stages: Mapping[str, StageDescription]
    report_steps: tuple[str, ...]
    outcome: str = ""

    @classmethod
    def of(cls, record: AttackRecord, spec: ExperimentSpec) -> "AttackDescription":
        """The description of an experiment's attack by its record."""
        return cls(
            title=record.title,
            about=record.about,
            makes_images=record.makes_images and not are_features(spec.data),
            stages={
                stage.name: StageDescription(stage.explain(spec.attack), bool(stage.single_try(spec.attack)))
                for stage in record.stages_of(spec.attack)
            },
            report_steps=tuple(record.report_steps(spec)),
            outcome=record.outcome,
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AttackDescription":
        """Read the output of `to_json`."""
        stages = {
            name: StageDescription(Explanation(**stage["explanation"]), bool(stage["single_try"]))
            for name, stage in stored["stages"].items()
        }
        return cls(**{**stored, "stages": stages, "report_steps": tuple(stored["report_steps"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "report_steps": list(self.report_steps)}


def describe(spec: ExperimentSpec, plugins: Mapping[str, Any] | None = None) -> AttackDescription:
    """The description of an experiment's attack: from its record, else the one stored with the result.

    Args:
        spec: of the experiment, resolved.
        plugins: the entry of this name in a result.json.
    """
    name = spec.attack.name
    stored = (plugins or {}).get(name)
    is_loaded = name in RECORDS and not isinstance(spec.attack, UnknownAttack)
    if is_loaded and PLUGINS.get(name) == dict(spec.plugins).get(name):
        return AttackDescription.of(RECORDS[name], spec)
    if stored is not None and "description" in stored:
        return AttackDescription.from_json(stored["description"])
    # A spec alone, whose plug-in is not loaded.
    return AttackDescription(name, "An attack of a plug-in that is not here.", True, {}, (), "")


def of_plugins(spec: ExperimentSpec) -> dict[str, dict[str, Any]]:
    """What a result stores about its plug-ins, by name; empty without plug-ins."""
    stored: dict[str, dict[str, Any]] = {name: {"sha256": digest} for name, digest in spec.plugins}
    if spec.attack.name in stored:
        stored[spec.attack.name]["description"] = describe(spec).to_json()
    return stored
