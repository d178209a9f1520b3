"""Lessons: steps with a text, a prediction and an experiment, read from YAML files and validated.

Predictions are checked against the facts of the user's own run (`core.presentation.facts`); lessons contain no results.
"""

from core.presentation.lessons.conditions import (
    Answered,
    Applied,
    Changed,
    Condition,
    Opened,
    Played,
    Ran,
    Reached,
    Regained,
    StepState,
    View,
)
from core.presentation.lessons.lesson import DEPTHS, Lesson, Misconception, Teacher
from core.presentation.lessons.loading import load
from core.presentation.lessons.questions import Guess, Option, Question
from core.presentation.lessons.steps import LessonStep

__all__ = [
    "DEPTHS",
    "Answered",
    "Applied",
    "Changed",
    "Condition",
    "Guess",
    "Lesson",
    "LessonStep",
    "Misconception",
    "Opened",
    "Option",
    "Played",
    "Question",
    "Ran",
    "Reached",
    "Regained",
    "StepState",
    "Teacher",
    "View",
    "load",
]
