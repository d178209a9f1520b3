"""Which classes lose with and without a filter."""

import math

from core.defences.verdict import DefenceStep, DefenceVerdict
from core.heads.scores import Score
from core.presentation.by_class import by_class, class_markdown, class_sentences, class_text, worst_class

CLASSES = ("Bag", "Coat", "Shirt")


def verdict(defended: list[float], names: tuple[str, ...] = ("loss",)) -> DefenceVerdict:
    """A poison that costs shirts 20 points, and a filter."""
    clean, poisoned = [0.9, 0.8, 0.7], [0.9, 0.75, 0.5]
    scores = [Score(sum(values) / 3, values) for values in (clean, poisoned, defended)]
    steps = tuple(DefenceStep(name, (), 3, 30, 0, None) for name in names)
    return DefenceVerdict(*scores, 0.6, steps, DefenceStep("", (), 3, 30, 0, None))


def test_each_class_has_what_it_loses_and_regains() -> None:
    rows = by_class(verdict([0.95, 0.6, 0.65]), CLASSES)
    assert [row.name for row in rows] == list(CLASSES)
    assert [round(row.lost_without, 6) for row in rows] == [0, 5, 20]
    assert [round(row.lost_with, 6) for row in rows] == [-5, 20, 5]
    assert [round(row.regained, 6) for row in rows] == [5, -15, 15]


def test_the_sentences_name_the_class_the_poison_costs_and_the_one_the_filter_costs() -> None:
    assert class_sentences(verdict([0.95, 0.6, 0.65]), CLASSES) == (
        "Without a filter, Shirt loses most, from 70.0 % to 50.0 %. With it, Coat loses most, from 80.0 % to 60.0 %. "
        "The filter lowers the accuracy of 1 of 3 classes, most of all that of Coat, by 15.0 points."
    )
    assert worst_class(verdict([0.95, 0.6, 0.65]), CLASSES) == "Coat (-20.0)"


def test_a_perfect_filter_leaves_no_class_behind() -> None:
    assert class_sentences(verdict([0.9, 0.8, 0.7]), CLASSES) == (
        "Without a filter, Shirt loses most, from 70.0 % to 50.0 %."
    )
    assert worst_class(verdict([0.9, 0.8, 0.7]), CLASSES) == "none"


def test_without_defences_only_the_poison_is_spoken_of() -> None:
    same = verdict([0.9, 0.75, 0.5], names=())
    assert class_sentences(same, CLASSES) == "Without a filter, Shirt loses most, from 70.0 % to 50.0 %."


def test_a_class_without_test_images_is_a_dash_and_never_the_worst() -> None:
    odd = verdict([0.9, math.nan, 0.6])
    assert worst_class(odd, CLASSES) == "Shirt (-10.0)"
    assert "Coat" not in class_sentences(odd, CLASSES)
    assert class_markdown(odd, CLASSES).splitlines()[3] == "| Coat | 80.0 % | 75.0 % | — | — |"


def test_the_text_has_a_column_for_each_chain() -> None:
    both = [verdict([0.9, 0.8, 0.7], ("loss",)), verdict([0.95, 0.6, 0.65], ("sphere", "agreement"))]
    lines = [line.split() for line in class_text(both, CLASSES).splitlines()]
    assert lines[1] == ["class", "clean", "poisoned", "loss", "sphere+agreement"]
    assert lines[2:] == [
        ["Bag", "90.0", "90.0", "90.0", "95.0"],
        ["Coat", "80.0", "75.0", "80.0", "60.0"],
        ["Shirt", "70.0", "50.0", "70.0", "65.0"],
    ]
