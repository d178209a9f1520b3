"""What a class predicted, in words and bars: as answers of the question, or as ranges of a guessed number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from core.challenge.predictions import Tally
from core.presentation.lessons import Lesson, LessonStep
from core.system.numbers import counted, digits

BINS = 6


@dataclass(frozen=True)
class Bar:
    """How many people gave an answer, and the share of all who answered."""

    label: str
    count: int
    share: float


def bars(tally: Tally, step: LessonStep) -> list[Bar]:
    """A bar for each answer of a choice, or for each of some ranges of a number, in their order.

    Answers that the question does not have are passed over: a lesson may have changed since.
    """
    question = step.question
    if question is None:
        return []
    if question.guess is None:
        labels = list(question.answers(step.spec))
        counts = [tally.answers.get(str(place), 0) for place in range(len(labels))]
    else:
        values = numbers(tally)
        edges = _edges(values)
        unit = f" {question.guess.unit}" if question.guess.unit else ""
        pairs = list(pairwise(edges))
        labels = [f"{digits(low)} to {digits(high)}{unit}" for low, high in pairs]
        counts = [sum(low <= value < high for value in values) for low, high in pairs]
        if counts:
            counts[-1] += sum(value == edges[-1] for value in values)
    total = sum(counts)
    return [Bar(label, count, count / total if total else 0.0) for label, count in zip(labels, counts, strict=True)]


def sentence(tally: Tally, step: LessonStep) -> str:
    """What most said, in a sentence."""
    shown = bars(tally, step)
    if not tally.count or not any(bar.count for bar in shown):
        return "Nobody has answered yet."
    of = counted(tally.count, "answer")
    if step.question is not None and step.question.guess is not None:
        middle = digits(round(median(numbers(tally)), 2))
        return f"{of}; half said at most {middle} {step.question.guess.unit}".rstrip() + "."
    most = max(shown, key=lambda bar: bar.count)
    return f"{of}; {100 * most.share:.0f} % said: {most.label}."


def numbers(tally: Tally) -> list[float]:
    """The guessed numbers, sorted, each as often as it was given; what is no number is passed over."""
    values: list[float] = []
    for answer, count in tally.answers.items():
        try:
            values += [float(answer)] * count
        except ValueError:
            continue
    return sorted(values)


def step_named(name: str, lessons: Sequence[Lesson]) -> tuple[Lesson, LessonStep] | None:
    """The lesson and the step behind a name of `core.challenge.predictions.key_of`; None if there is none any more."""
    lesson_id, _, number = name.rpartition("-")
    for lesson in lessons:
        if lesson.id == lesson_id and number.isdecimal() and 1 <= int(number) <= len(lesson.steps):
            return lesson, lesson.steps[int(number) - 1]
    return None


def _edges(values: Sequence[float]) -> list[float]:
    """Edges of at most `BINS` ranges of equal width that hold all values; whole numbers where they do."""
    if not values:
        return []
    low, high = min(values), max(values)
    if low == high:
        return [low, high]
    width = (high - low) / BINS
    if width > 1:
        width = float(-(-(high - low) // BINS))
    return [low + width * place for place in range(BINS)] + [max(high, low + width * BINS)]
