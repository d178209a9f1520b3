"""A step of a lesson: a text, a prediction, an experiment, and the conditions that complete it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.catalog.choices import resolve
from core.defences.chain import parse_chain
from core.presentation.facts import OF_DEFENCES, OF_PLAY, Fact
from core.presentation.lessons.conditions import (
    Answered,
    Applied,
    Changed,
    Condition,
    Opened,
    Played,
    Reached,
    Regained,
    StepState,
    View,
)
from core.presentation.lessons.questions import Question, Text
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.models import Frozen
from core.system.errors import SpecError


class LessonStep(Frozen):
    """One step of a lesson.

    Attributes:
        text: Markdown.
        preset: fields of `ExperimentSpec`, as `parse_spec` takes them.
        beside: fields of a second experiment to compare with; both are run.
        defend: defences to apply to the run, as `core.defences.chain.parse_chain` takes them; the initial choice if
            the user chooses.
        focus: the part of the result that is shown first.
        play: a link to the playground, by its keys: the step shows this in place of an experiment; None for others.
        done: conditions that complete the step, all of which must be met.
    """

    title: Text
    depth: Literal["overview", "detail", "formula"]
    text: Text
    preset: dict[str, Any] = Field(default_factory=dict)
    beside: dict[str, Any] | None = None
    defend: tuple[str, ...] = ()
    focus: View = "accuracy"
    play: dict[str, str] | None = None
    question: Question | None = None
    done: tuple[Condition, ...] = Field(min_length=1)

    @field_validator("preset", "beside")
    @classmethod
    def _makes_sense(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        if values is not None:
            try:
                resolve(parse_spec(values))
            except SpecError as error:
                raise ValueError(str(error)) from error
        return values

    @field_validator("defend")
    @classmethod
    def _defences_known(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_chain(texts)
        except SpecError as error:
            raise ValueError(str(error)) from error
        return texts

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.question is None and any(isinstance(condition, Answered) for condition in self.done):
            raise ValueError("a step without a question can't be done when answered")
        applies = any(isinstance(condition, Applied | Regained) for condition in self.done)
        views = {self.focus, *(condition.view for condition in self.done if isinstance(condition, Opened))}
        if not self.defend and (applies or "defence" in views):
            raise ValueError("a step without `defend` has no defence to apply or to look at")
        if self.question is not None:
            compares = {name for name in self.question.facts if name.startswith(("against", "compared"))}
            if self.beside is None and compares:
                raise ValueError(f"without an experiment beside there is no {', '.join(sorted(compares))}")
            of_defences = self.question.facts.intersection(OF_DEFENCES)
            if not self.defend and of_defences:
                raise ValueError(f"without `defend` there is no {', '.join(sorted(of_defences))}")
        return self

    @model_validator(mode="after")
    def _playable(self) -> Self:
        if self.play is None:
            if any(isinstance(condition, Played) for condition in self.done):
                raise ValueError("a step without `play` has no playground to place poison in")
            return self
        if self.preset or self.beside is not None or self.defend:
            raise ValueError("a step with `play` has no experiment: no preset, beside or defend")
        if not all(isinstance(condition, Answered | Played | Reached) for condition in self.done):
            raise ValueError("a step with `play` can be done when answered, played or reached")
        if self.question is not None and not self.question.facts <= set(OF_PLAY):
            raise ValueError(f"the playground knows only {', '.join(OF_PLAY)}")
        return self

    @property
    def spec(self) -> ExperimentSpec:
        """The experiment that the step starts from."""
        return resolve(parse_spec(self.preset))

    @property
    def beside_spec(self) -> ExperimentSpec | None:
        """The experiment to compare with."""
        return None if self.beside is None else resolve(parse_spec(self.beside))

    @property
    def chain(self) -> tuple[Any, ...]:
        """The defences of `defend`."""
        return parse_chain(self.defend)

    @property
    def chooses(self) -> bool:
        """Whether the user chooses the defences."""
        return any(isinstance(condition, Regained) for condition in self.done)

    @property
    def asks_of_defences(self) -> bool:
        """Whether the answer can be checked only once the defences were applied."""
        return self.question is not None and not self.question.facts.isdisjoint(OF_DEFENCES)

    @property
    def changes(self) -> tuple[Changed, ...]:
        """The settings that the user is asked to change."""
        return tuple(condition for condition in self.done if isinstance(condition, Changed))

    @property
    def is_free(self) -> bool:
        """Whether the user chooses the settings."""
        return any(isinstance(condition, Changed | Reached) for condition in self.done)

    def accepts(self, spec: ExperimentSpec) -> bool:
        """Whether a run with these settings is accepted by the step."""
        if self.is_free:
            return all(change.accepts(spec) for change in self.changes)
        return spec.hash == self.spec.hash

    def met(
        self, spec: ExperimentSpec | None, facts: Mapping[str, Fact] | None, *, answered: bool, opened: Sequence[str]
    ) -> tuple[bool, ...]:
        """For each condition of `done`, whether it holds.

        Args:
            spec: the settings now; None where they make no sense.
            facts: of the run of these settings, where there is one.
            answered: whether the prediction was made.
            opened: the views that were opened in this step.
        """
        is_hidden = self.question is not None and not answered  # a result is hidden until predicted
        state = StepState(
            spec=spec,
            facts=None if is_hidden else facts,
            is_accepted=spec is not None and self.accepts(spec),
            answered=answered,
            opened=frozenset(opened),
        )
        return tuple(condition.holds(state) for condition in self.done)
