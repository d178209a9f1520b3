"""Lessons: steps with a text, a prediction and an experiment, read from YAML files and checked whole.

A prediction is judged by the facts of the run that the person has made (`core.presentation.facts`); a lesson
holds no result.
"""

from core.presentation.lessons.conditions import (
    Answered,
    Applied,
    Changed,
    Condition,
    Opened,
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
    "Question",
    "Ran",
    "Reached",
    "Regained",
    "StepState",
    "Teacher",
    "View",
    "load",
]
