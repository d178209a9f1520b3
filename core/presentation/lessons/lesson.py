"""A lesson: steps of increasing depth, and notes for teachers."""

from typing import Self

from pydantic import Field, model_validator

from core.presentation.lessons.questions import Text
from core.presentation.lessons.steps import LessonStep
from core.spec.models import Frozen

DEPTHS = ("overview", "detail", "formula")
"""Depths of steps; they never decrease within a lesson."""


class Misconception(Frozen):
    """A common misconception, and a reply to it."""

    says: Text
    reply: Text


class Teacher(Frozen):
    """Notes for teachers: timing, expected answers and misconceptions."""

    timing: Text
    answers: tuple[Text, ...] = Field(min_length=1)
    misconceptions: tuple[Misconception, ...] = Field(min_length=1)


class Lesson(Frozen):
    """One lesson. `id` is used in links."""

    id: str = Field(pattern=r"^[a-z]{2,12}$")
    title: Text
    about: Text
    minutes: int = Field(ge=1, le=90)
    goals: tuple[Text, ...] = Field(min_length=1)
    steps: tuple[LessonStep, ...] = Field(min_length=1, max_length=9)
    teacher: Teacher

    @model_validator(mode="after")
    def _deepens(self) -> Self:
        depths = [DEPTHS.index(step.depth) for step in self.steps]
        if depths != sorted(depths):
            raise ValueError(f"the steps must go from {' to '.join(DEPTHS)} and not back")
        return self
