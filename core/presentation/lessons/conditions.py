"""Conditions that complete a step, by their `when`, each with a check and an instruction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.presentation.facts import Fact
from core.presentation.lessons.questions import Text
from core.spec.experiment import ExperimentSpec
from core.spec.models import Frozen

View = Literal["accuracy", "defence", "images", "map", "reach", "curve"]
"""The part of a finished run that a step looks at."""


@dataclass(frozen=True)
class StepState:
    """What the user has done in a step.

    Attributes:
        spec: the current settings; None if they are invalid.
        facts: of the run with these settings; None if there is none, or it is hidden until the prediction is made.
        is_accepted: whether these are the settings of the step.
        answered: whether the prediction was made.
        opened: the views that were opened.
    """

    spec: ExperimentSpec | None
    facts: Mapping[str, Fact] | None
    is_accepted: bool
    answered: bool
    opened: frozenset[str]

    def number(self, name: str) -> float | None:
        """A fact that is a number; None if it is unknown."""
        fact = None if self.facts is None else self.facts[name]
        return fact if isinstance(fact, float) else None


class _Instructed(Frozen):
    """A condition that says by itself what to do.

    Attributes:
        instruction: what to do, for the person.
    """

    instruction: Text

    @property
    def task(self) -> str:
        """What to do, as the item of a list."""
        return self.instruction[:1].upper() + self.instruction[1:]


class Answered(Frozen):
    """Met once the prediction is made."""

    when: Literal["answered"] = "answered"
    task: ClassVar[str] = "Predict"

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return state.answered


class Ran(Frozen):
    """Met once the settings have a result."""

    when: Literal["ran"] = "ran"
    task: ClassVar[str] = "Run it and read the result"

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return state.facts is not None and state.is_accepted


class Played(Frozen):
    """Met once poison was placed in the playground."""

    when: Literal["played"] = "played"
    task: ClassVar[str] = "Place poison and read what it costs"

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return (state.number("n_poison") or 0) > 0


class Changed(_Instructed):
    """Met once a setting is within bounds, or is one of some values.

    Attributes:
        field: a field of `ExperimentSpec`, in its units.
    """

    when: Literal["changed"]
    field: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()

    @field_validator("field")
    @classmethod
    def _known(cls, field: str) -> str:
        if field not in ExperimentSpec.model_fields:
            raise ValueError(f"known are {', '.join(ExperimentSpec.model_fields)}")
        return field

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if bool(self.one_of) == (self.at_least is not None or self.at_most is not None):
            raise ValueError("it needs either bounds (at_least, at_most) or values (one_of)")
        return self

    def accepts(self, spec: ExperimentSpec) -> bool:
        """Whether the setting of an experiment meets the condition."""
        value = spec.attack.name if self.field == "attack" else getattr(spec, self.field)
        if self.one_of:
            return str(value) in self.one_of
        if not isinstance(value, int | float):
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return state.spec is not None and self.accepts(state.spec)


class Reached(_Instructed):
    """Met once a run, with any settings, has at least this drop in points."""

    when: Literal["reached"]
    drop: float = Field(gt=0, le=100)

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        drop = state.number("drop")
        return drop is not None and drop >= self.drop


class Opened(_Instructed):
    """Met once a part of the result was opened."""

    when: Literal["opened"]
    view: View

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return state.facts is not None and self.view in state.opened


class Applied(Frozen):
    """Met once the step's defences were applied to the run."""

    when: Literal["applied"] = "applied"
    task: ClassVar[str] = "Apply the defence and read what it does"

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        return state.is_accepted and state.number("found") is not None


class Regained(_Instructed):
    """Met once defences chosen by the user regain at least this share of the drop, in percent."""

    when: Literal["regained"]
    share: float = Field(gt=0, le=100)

    def holds(self, state: StepState) -> bool:
        """Whether the condition is met."""
        drop, regained = state.number("drop"), state.number("regained")
        if not state.is_accepted or drop is None or regained is None or drop <= 0:
            return False
        return round(regained - self.share / 100 * drop, 6) >= 0  # both are whole images over all of them


Condition = Annotated[
    Answered | Ran | Played | Changed | Reached | Opened | Applied | Regained, Field(discriminator="when")
]
