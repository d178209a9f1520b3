"""What is shown of a run while it goes: which quantity, its first and its last value, and the line."""

import pytest

from core.experiments.summary import CurvePoint
from core.presentation.figures.so_far import so_far_figure, so_far_words

ASCENT = [CurvePoint("stage2", i, {"damage": 0.1 * i, "train_accuracy": 0.9 - 0.1 * i}) for i in range(3)]
CANCELLING = [CurvePoint("target", 20, {"radius": 4.0}), CurvePoint("stage2", 0, {"residual": 0.5})]


@pytest.mark.parametrize(
    ("curve", "title", "words", "line"),
    [
        (ASCENT, "Training images read right, %", "90 at first, 70 now", [90.0, 80.0, 70.0]),
        (CANCELLING, "Gradient not cancelled yet", "0.5 now", [0.5]),
    ],
    ids=["accuracy", "another"],
)
def test_one_quantity_is_followed(curve: list[CurvePoint], title: str, words: str, line: list[float]) -> None:
    shown = so_far_words(curve)
    assert shown is not None
    assert (shown[0].title, shown[1]) == (title, words)
    assert list(so_far_figure(curve).data[0].y) == pytest.approx(line)


def test_a_run_that_has_reported_nothing_has_no_words() -> None:
    assert so_far_words([]) is None
    assert so_far_words([CurvePoint("load", 0, {})]) is None
