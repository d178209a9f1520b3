"""Test accuracy before and after the poison: levels, interval, the zoomed axis and the words on it."""

from dataclasses import replace

import pytest

from core.experiments.summary import RunSummary
from core.heads.scores import Score
from core.presentation import captions
from core.presentation.figures.before_after import before_after_figure, zoomed_range
from core.presentation.figures.palette import CLEAN, POISONED
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


def summary_of(clean: float, poisoned: float, lost: int, gained: int, n_test: int = 1000) -> RunSummary:
    return replace(
        drawn_result(tiny_spec()).summary(),
        n_test=n_test,
        clean=Score(clean, [clean]),
        poisoned=Score(poisoned, [poisoned], lost=lost, gained=gained),
    )


HURT = summary_of(0.868, 0.813, 80, 25)
"""Standard error 100 √(80 + 25 - 55² / 1000) / 1000 = 1.0098 points, so that the margin is 1.979."""


def test_both_levels_are_drawn_with_the_interval_of_their_difference() -> None:
    figure = before_after_figure(HURT)
    levels = figure.data[1]
    assert list(levels.y) == pytest.approx([86.8, 81.3])
    assert [text.strip() for text in levels.text] == ["86.8 %", "81.3 %"]
    assert list(levels.marker.color) == [CLEAN, POISONED]
    assert list(levels.error_y.array) == pytest.approx([0.0, 1.979], abs=1e-3)
    arrow, words = figure.layout.annotations
    assert (arrow.ay, arrow.y) == pytest.approx((86.8, 81.3))
    assert words.text == "<b>-5.5</b><br>points"
    assert list(figure.layout.yaxis.range) == [77, 89]


@pytest.mark.parametrize(
    ("summary", "ends"),
    [
        (HURT, (77, 89)),
        (summary_of(0.998, 0.998, 0, 0), (97, 100)),
        (summary_of(0.05, 0.0, 50, 0), (0, 7)),
        (summary_of(0.5, 0.5, 0, 0), (48, 52)),
    ],
    ids=["hurt", "at the top", "at the bottom", "no difference"],
)
def test_the_axis_covers_what_there_is_and_a_little_more(summary: RunSummary, ends: tuple[float, float]) -> None:
    assert zoomed_range(summary) == ends


def test_without_a_difference_nothing_points_anywhere() -> None:
    assert not before_after_figure(summary_of(0.5, 0.5, 0, 0)).layout.annotations


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (
            HURT,
            "Lost: 5.5 points, 95 % interval 3.5 to 7.5. The axis is zoomed: it shows 77 to 89 %.",
        ),
        (
            summary_of(0.5, 0.51, 20, 30),
            "Gained: 1.0 points, 95 % interval -0.4 to 2.4: **this may be chance**. "
            "The axis is zoomed: it shows 48 to 54 %.",
        ),
        (
            summary_of(0.95, 0.05, 900, 0),
            "Lost: 90.0 points, 95 % interval 88.1 to 91.9.",
        ),
    ],
    ids=["loss", "chance", "whole axis"],
)
def test_the_words_say_the_loss_its_interval_and_the_zoom(summary: RunSummary, words: str) -> None:
    assert captions.before_after_caption(summary, *zoomed_range(summary)) == words
