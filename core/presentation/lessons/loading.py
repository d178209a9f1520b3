"""Reads and validates lessons from YAML files."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from core.presentation.lessons.lesson import Lesson
from core.system import paths
from core.system.errors import LessonError


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
