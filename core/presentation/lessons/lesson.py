"""A lesson: steps that go deeper and deeper, and notes for the teacher."""

from typing import Self

from pydantic import Field, model_validator

from core.presentation.lessons.questions import Words
from core.presentation.lessons.steps import LessonStep
from core.spec.models import Frozen

DEPTHS = ("overview", "detail", "formula")
"""How deep a step goes; a lesson never goes back."""


class Misconception(Frozen):
    """What people tend to think, and what to say to that."""

    says: Words
    reply: Words


class Teacher(Frozen):
    """Notes for the teacher: how the minutes are spent, what to expect, what goes wrong."""

    timing: Words
    answers: tuple[Words, ...] = Field(min_length=1)
    misconceptions: tuple[Misconception, ...] = Field(min_length=1)


class Lesson(Frozen):
    """One lesson. `id` is short and stands in links."""

    id: str = Field(pattern=r"^[a-z]{2,12}$")
    title: Words
    about: Words
    minutes: int = Field(ge=1, le=90)
    goals: tuple[Words, ...] = Field(min_length=1)
    steps: tuple[LessonStep, ...] = Field(min_length=1, max_length=9)
    teacher: Teacher

    @model_validator(mode="after")
    def _deepens(self) -> Self:
        depths = [DEPTHS.index(step.depth) for step in self.steps]
        if depths != sorted(depths):
            raise ValueError(f"the steps must go from {' to '.join(DEPTHS)} and not back")
        return self
