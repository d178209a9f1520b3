"""Questions asked before a result is shown, and checking of answers against a run."""

import string
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from core.catalog.lookup import data_info
from core.presentation.facts import FACTS, TEXTS, Fact, text
from core.spec.experiment import ExperimentSpec
from core.spec.models import Frozen
from core.system.numbers import digits

Text = Annotated[str, Field(min_length=1)]


class Option(Frozen):
    """An answer to choose, and the range of a number, or the text, for which it is right."""

    answer: Text
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


class Guess(Frozen):
    """A number to guess, from `low` to `high`; right if it is within `close` of the fact."""

    low: float
    high: float
    step: float = Field(gt=0)
    close: float = Field(ge=0)
    unit: Text

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {digits(self.low)} is not below high {digits(self.high)}")
        return self


class Question(Frozen):
    """A question that is asked before the result is shown.

    Attributes:
        fact: the fact of the run that decides, a key of `core.presentation.facts.FACTS`.
        options: answers to choose from; without options and without a guess, the classes of the data.
        guess: a number to enter instead.
        result: one or two sentences on the result, with facts in braces.
        why: explanation in Markdown, shown below the result; must be true for any result.
    """

    ask: Text
    fact: str
    options: tuple[Option, ...] = ()
    guess: Guess | None = None
    result: Text
    why: Text

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
        """Check that the options are ordered, and that exactly one fits any number."""
        ends: list[float | None] = [None, *(option.below for option in self.options)]
        starts = [*(option.at_least for option in self.options), None]
        if len(self.options) < 2 or ends != starts or None in ends[1:-1]:
            raise ValueError("options must go from low to high, each beginning where the one before ends")

    @property
    def facts(self) -> frozenset[str]:
        """The facts that decide, and those in the text of the result."""
        named = {name for _, name, _, _ in string.Formatter().parse(self.result) if name}
        return frozenset(named | {self.fact})

    def answers(self, spec: ExperimentSpec) -> tuple[str, ...]:
        """The answers to choose from; none if a number is to be guessed."""
        if self.guess is not None:
            return ()
        return tuple(option.answer for option in self.options) or data_info(spec.data).classes

    def is_right(self, answer: str, facts: Mapping[str, Fact], spec: ExperimentSpec) -> bool:
        """Whether an answer is right for a run.

        Args:
            answer: as in a link: the index in `answers`, or the guessed number; must be `readable`.
            facts: of the run.
            spec: of the run.
        """
        fact = facts[self.fact]
        if self.guess is not None:
            return isinstance(fact, float) and abs(float(answer) - fact) <= self.guess.close
        if self.options:
            return self.options[int(answer)].fits(fact)
        return isinstance(fact, tuple) and self.answers(spec)[int(answer)] in fact

    def right(self, facts: Mapping[str, Fact]) -> str:
        """The right answer as text."""
        fact = facts[self.fact]
        return next((option.answer for option in self.options if option.fits(fact)), text(self.fact, fact))

    def readable(self, answer: str, spec: ExperimentSpec) -> bool:
        """Whether a text, e.g. of a link, is a valid answer to this question."""
        try:
            if self.guess is not None:
                return self.guess.low <= float(answer) <= self.guess.high
            return 0 <= int(answer) < len(self.answers(spec))
        except ValueError:
            return False

    def result_text(self, facts: Mapping[str, Fact]) -> str:
        """The sentences on the result."""
        return self.result.format_map({name: text(name, fact) for name, fact in facts.items()})
