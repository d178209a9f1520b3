"""Lessons: steps with a text, a prediction and an experiment, read from YAML files and checked whole.

A prediction is judged by the facts of the run that the person has made (`core.presentation.facts`); a lesson
holds no result.
"""

import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.catalog.choices import resolve
from core.catalog.lookup import data_info
from core.defences.chain import parse_chain
from core.presentation.facts import FACTS, OF_DEFENCES, TEXTS, Fact, text
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import paths
from core.system.errors import LessonError, SpecError

View = Literal["accuracy", "defence", "images", "map", "reach", "curve"]
"""The part of a finished run that a step looks at."""
DEPTHS = ("overview", "detail", "formula")
"""How deep a step goes; a lesson never goes back."""
Words = Annotated[str, Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Option(_Frozen):
    """One answer to choose, and when it is right: in a range of a number, or where a text is the fact's."""

    words: Words
    at_least: float | None = None
    below: float | None = None
    equals: str | None = None

    def fits(self, fact: Fact) -> bool:
        """Whether this is the right answer."""
        if isinstance(fact, tuple):
            return self.equals in fact
        if fact is None:
            return False
        return (self.at_least is None or fact >= self.at_least) and (self.below is None or fact < self.below)


class Guess(_Frozen):
    """A number to guess, from `low` to `high`; right where it is no farther than `close` from the fact."""

    low: float
    high: float
    step: float = Field(gt=0)
    close: float = Field(ge=0)
    unit: Words

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self


class Question(_Frozen):
    """What is asked before the result is shown.

    Attributes:
        fact: the fact of the run that decides; a name of `core.presentation.facts.FACTS`.
        options: answers to choose from; without options and without a guess, the classes of the data.
        guess: a number to enter instead.
        result: one or two sentences on the result, with facts in braces.
        why: why it came out like that, in Markdown; shown below the result, so it must hold for any result.
    """

    ask: Words
    fact: str
    options: tuple[Option, ...] = ()
    guess: Guess | None = None
    result: Words
    why: Words

    @field_validator("fact")
    @classmethod
    def _known(cls, fact: str) -> str:
        if fact not in FACTS:
            raise ValueError(f"known are {', '.join(FACTS)}")
        return fact

    @field_validator("result")
    @classmethod
    def _fields_known(cls, result: str) -> str:
        for _, name, _, _ in string.Formatter().parse(result):
            if name is not None and name not in FACTS:
                raise ValueError(f"{{{name}}} is no fact; known are {', '.join(FACTS)}")
        return result

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.guess is not None and (self.options or self.fact in TEXTS):
            raise ValueError("a guess needs a fact that is a number, and no options")
        if self.fact in TEXTS:
            if {option.equals for option in self.options} != set(TEXTS[self.fact]):
                raise ValueError(f"the options of {self.fact} must equal {', '.join(TEXTS[self.fact]) or 'nothing'}")
        elif self.guess is None:
            self._check_ranges()
        return self

    def _check_ranges(self) -> None:
        """Options from low to high, of which exactly one fits any number."""
        ends: list[float | None] = [None, *(option.below for option in self.options)]
        starts = [*(option.at_least for option in self.options), None]
        if len(self.options) < 2 or ends != starts or None in ends[1:-1]:
            raise ValueError("options must go from low to high, each beginning where the one before ends")

    @property
    def facts(self) -> frozenset[str]:
        """The facts that decide, and that the result tells."""
        told = {name for _, name, _, _ in string.Formatter().parse(self.result) if name}
        return frozenset(told | {self.fact})

    def answers(self, spec: ExperimentSpec) -> tuple[str, ...]:
        """The answers to choose from; none where a number is guessed."""
        if self.guess is not None:
            return ()
        return tuple(option.words for option in self.options) or data_info(spec.data).classes

    def is_right(self, answer: str, facts: Mapping[str, Fact], spec: ExperimentSpec) -> bool:
        """Whether an answer fits what the run has found.

        Args:
            answer: as in a link: the place among `answers`, from 0, or the number guessed; must be `readable`.
        """
        fact = facts[self.fact]
        if self.guess is not None:
            return isinstance(fact, float) and abs(float(answer) - fact) <= self.guess.close
        if self.options:
            return self.options[int(answer)].fits(fact)
        return isinstance(fact, tuple) and self.answers(spec)[int(answer)] in fact

    def right(self, facts: Mapping[str, Fact]) -> str:
        """The right answer in words."""
        fact = facts[self.fact]
        return next((option.words for option in self.options if option.fits(fact)), text(self.fact, fact))

    def readable(self, answer: str, spec: ExperimentSpec) -> bool:
        """Whether a text, e.g. of a link, is an answer to this question."""
        try:
            if self.guess is not None:
                return self.guess.low <= float(answer) <= self.guess.high
            return 0 <= int(answer) < len(self.answers(spec))
        except ValueError:
            return False

    def told(self, facts: Mapping[str, Fact]) -> str:
        """The sentences on the result."""
        return self.result.format_map({name: text(name, fact) for name, fact in facts.items()})


class Answered(_Frozen):
    """Done once the prediction is made."""

    when: Literal["answered"] = "answered"


class Ran(_Frozen):
    """Done once the settings have a result."""

    when: Literal["ran"] = "ran"


class Changed(_Frozen):
    """Done once a setting is where the step wants it: within bounds, or one of some values.

    Attributes:
        field: a field of `ExperimentSpec`, in its units.
        tell: what to do, for the person.
    """

    when: Literal["changed"]
    field: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    tell: Words

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

    def holds(self, spec: ExperimentSpec) -> bool:
        """Whether an experiment's setting is there."""
        value = spec.attack.name if self.field == "attack" else getattr(spec, self.field)
        if self.one_of:
            return str(value) in self.one_of
        if not isinstance(value, int | float):
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


class Reached(_Frozen):
    """Done once a run, with whatever settings, loses at least so many points."""

    when: Literal["reached"]
    drop: float = Field(gt=0, le=100)
    tell: Words


class Opened(_Frozen):
    """Done once a part of the result was opened."""

    when: Literal["opened"]
    view: View
    tell: Words


class Applied(_Frozen):
    """Done once the step's defences were applied to the run."""

    when: Literal["applied"] = "applied"


class Regained(_Frozen):
    """Done once defences of the person's choice give back at least so much of what the poison has cost, in percent."""

    when: Literal["regained"]
    share: float = Field(gt=0, le=100)
    tell: Words


Condition = Annotated[Answered | Ran | Changed | Reached | Opened | Applied | Regained, Field(discriminator="when")]


class Step(_Frozen):
    """One step of a lesson.

    Attributes:
        text: Markdown.
        preset: fields of `ExperimentSpec`, as `parse_spec` takes them.
        beside: the same of a second experiment, to compare with; it runs along.
        defend: defences to apply to the run, as `core.defences.chain.parse_chain` takes them; where the person
            chooses, the first choice.
        focus: what of the result is shown first.
        done: all of these complete the step.
    """

    title: Words
    depth: Literal["overview", "detail", "formula"]
    text: Words
    preset: dict[str, Any] = {}
    beside: dict[str, Any] | None = None
    defend: tuple[str, ...] = ()
    focus: View = "accuracy"
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
        if self.question is None and any(isinstance(one, Answered) for one in self.done):
            raise ValueError("a step without a question can't be done when answered")
        applies = any(isinstance(one, Applied | Regained) for one in self.done)
        views = {self.focus, *(one.view for one in self.done if isinstance(one, Opened))}
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
        """Whether the person chooses the defences."""
        return any(isinstance(one, Regained) for one in self.done)

    @property
    def asks_of_defences(self) -> bool:
        """Whether the question can be judged only once the defences were applied."""
        return self.question is not None and not self.question.facts.isdisjoint(OF_DEFENCES)

    @property
    def changes(self) -> tuple[Changed, ...]:
        """The settings that the person is asked to change."""
        return tuple(one for one in self.done if isinstance(one, Changed))

    @property
    def is_free(self) -> bool:
        """Whether the person tries settings of their own."""
        return any(isinstance(one, Changed | Reached) for one in self.done)

    def accepts(self, spec: ExperimentSpec) -> bool:
        """Whether a run of these settings is the one that the step speaks of."""
        if self.is_free:
            return all(one.holds(spec) for one in self.changes)
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
        return tuple(self._met(one, spec, facts, answered, opened) for one in self.done)

    def _met(
        self,
        one: Condition,
        spec: ExperimentSpec | None,
        facts: Mapping[str, Fact] | None,
        answered: bool,
        opened: Sequence[str],
    ) -> bool:
        seen = facts if answered or self.question is None else None  # a result is hidden until predicted
        match one:
            case Answered():
                return answered
            case Changed():
                return spec is not None and one.holds(spec)
            case Ran():
                return seen is not None and spec is not None and self.accepts(spec)
            case Reached():
                drop = None if seen is None else seen["drop"]
                return isinstance(drop, float) and drop >= one.drop
            case Opened():
                return seen is not None and one.view in opened
            case Applied():
                return seen is not None and seen["found"] is not None and spec is not None and self.accepts(spec)
            case Regained():
                if seen is None or spec is None or not self.accepts(spec):
                    return False
                drop, regained = seen["drop"], seen["regained"]
                if not isinstance(drop, float) or not isinstance(regained, float) or drop <= 0:
                    return False
                return round(regained - one.share / 100 * drop, 6) >= 0  # both are whole images over all of them


class Misconception(_Frozen):
    """What people tend to think, and what to say to that."""

    says: Words
    reply: Words


class Teacher(_Frozen):
    """Notes for whoever teaches: how the minutes are spent, what to expect, what goes wrong."""

    timing: Words
    answers: tuple[Words, ...] = Field(min_length=1)
    misconceptions: tuple[Misconception, ...] = Field(min_length=1)


class Lesson(_Frozen):
    """One lesson. `id` is short and stands in links."""

    id: str = Field(pattern=r"^[a-z]{2,12}$")
    title: Words
    about: Words
    minutes: int = Field(ge=1, le=90)
    goals: tuple[Words, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=9)
    teacher: Teacher

    @model_validator(mode="after")
    def _deepens(self) -> Self:
        depths = [DEPTHS.index(step.depth) for step in self.steps]
        if depths != sorted(depths):
            raise ValueError(f"the steps must go from {' to '.join(DEPTHS)} and not back")
        return self


def load(folder: Path = paths.LESSONS) -> tuple[Lesson, ...]:
    """All lessons of a folder, in the order of their file names.

    Raises:
        LessonError: one sentence that names the file and the field.
    """
    lessons: dict[str, Lesson] = {}
    for path in sorted(folder.glob("*.yaml")):
        lesson = _read(path)
        if lesson.id in lessons:
            raise LessonError(f"{path.name}: id is {lesson.id!r}, which another lesson has.")
        lessons[lesson.id] = lesson
    return tuple(lessons.values())


def _read(path: Path) -> Lesson:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "the file" if mark is None else f"line {mark.line + 1}"
        raise LessonError(f"{path.name}: {where} is no YAML in UTF-8.") from error
    if not isinstance(values, dict):
        raise LessonError(f"{path.name}: the file must hold fields by name.")
    try:
        return Lesson.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the lesson"
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise LessonError(f"{path.name}: {where}: {message[:1].lower()}{message[1:]}.") from error
