"""The accuracy of each class with and without a filter: which classes the poison costs, and which the defence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.defences.verdict import DefenceVerdict
from core.system.numbers import fixed, percent
from core.system.tables import markdown_table, text_table

HEADER = ["Class", "Clean", "Poisoned", "Defended", "By the filter"]


@dataclass(frozen=True)
class ClassAccuracy:
    """The test accuracy of one class in [0, 1]; NaN for a class without test images.

    Attributes:
        name: of the class.
        clean, poisoned, defended: by the head of the clean points, of all points, and of those that the filter keeps.
    """

    name: str
    clean: float
    poisoned: float
    defended: float

    @property
    def lost_without(self) -> float:
        """Drop in points without a filter."""
        return 100 * (self.clean - self.poisoned)

    @property
    def lost_with(self) -> float:
        """Drop in points with the filter."""
        return 100 * (self.clean - self.defended)

    @property
    def regained(self) -> float:
        """Points that the filter gives back to this class; negative if it takes more from it."""
        return 100 * (self.defended - self.poisoned)


def by_class(verdict: DefenceVerdict, classes: Sequence[str]) -> list[ClassAccuracy]:
    """The accuracy of each class, in the order of the classes, whose names are given."""
    scores = (verdict.clean.per_class, verdict.poisoned.per_class, verdict.defended.per_class)
    return [ClassAccuracy(*row) for row in zip(classes, *scores, strict=True)]


def class_sentences(verdict: DefenceVerdict, classes: Sequence[str]) -> str:
    """Which class loses most without and with the filter, and which the filter itself costs; "" if none loses."""
    rows = [row for row in by_class(verdict, classes) if not math.isnan(row.regained)]
    if not rows:
        return ""
    parts = []
    without = max(rows, key=lambda row: row.lost_without)
    if round(without.lost_without, 1) > 0:
        parts.append(f"Without a filter, {_loses(without, without.poisoned)}.")
    kept = max(rows, key=lambda row: row.lost_with)
    if verdict.steps and round(kept.lost_with, 1) > 0:
        parts.append(f"With it, {_loses(kept, kept.defended)}.")
    worse = [row for row in rows if round(row.regained, 1) < 0]
    if verdict.steps and worse:
        most = min(worse, key=lambda row: row.regained)
        parts.append(
            f"The filter lowers the accuracy of {len(worse)} of {len(rows)} classes, most of all that of {most.name}, "
            f"by {fixed(-most.regained)} points."
        )
    return " ".join(parts)


def _loses(row: ClassAccuracy, after: float) -> str:
    return f"{row.name} loses most, from {percent(row.clean)} to {percent(after)}"


def worst_class(verdict: DefenceVerdict, classes: Sequence[str]) -> str:
    """The class that loses most with the filter, and how many points; "none" if no class loses."""
    rows = [row for row in by_class(verdict, classes) if not math.isnan(row.lost_with)]
    worst = max(rows, key=lambda row: row.lost_with, default=None)
    if worst is None or round(worst.lost_with, 1) <= 0:
        return "none"
    return f"{worst.name} ({fixed(-worst.lost_with, sign=True)})"


def class_markdown(verdict: DefenceVerdict, names: Sequence[str]) -> str:
    """A Markdown table with a row for each class, by names that are safe in Markdown."""
    rows = [
        [row.name, percent(row.clean), percent(row.poisoned), percent(row.defended), fixed(row.regained, sign=True)]
        for row in by_class(verdict, names)
    ]
    return markdown_table(HEADER, rows)


def class_text(verdicts: Sequence[DefenceVerdict], classes: Sequence[str]) -> str:
    """A text table with a row for each class and a column for each chain of defences.

    Args:
        verdicts: all of one run.
        classes: names of its classes.
    """
    chains = ["+".join(step.name for step in verdict.steps) or "none" for verdict in verdicts]
    columns = [by_class(verdict, classes) for verdict in verdicts]
    rows = [
        [
            name,
            f"{fixed(100 * columns[0][i].clean)}",
            f"{fixed(100 * columns[0][i].poisoned)}",
            *(f"{fixed(100 * column[i].defended)}" for column in columns),
        ]
        for i, name in enumerate(classes)
    ]
    return "accuracy of each class, in %\n" + text_table(rows, header=["class", "clean", "poisoned", *chains])
