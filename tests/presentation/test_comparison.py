"""What finished runs share, and what can be laid over what."""

from dataclasses import replace

import numpy as np

from core.experiments.plot_data import PlotData
from core.heads.scores import Score
from core.presentation import comparison


def plot(seed: int, bases: list[int], labels: list[int] | None = None) -> PlotData:
    """Of a run on the map of this seed, whose base images are some of ten."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 1, 2, 2), dtype=np.uint8)
    xy = np.random.default_rng(seed).normal(size=(10, 2)).astype(np.float32)
    y = np.array(labels or [0] * len(bases))
    return PlotData(
        train_xy=xy,
        train_y=np.zeros(10, np.int64),
        base_xy=xy[bases],
        poison_xy=xy[bases],
        noise_floor=0.25,
        shift=np.zeros(len(bases), np.float32),
        base_x=pixels[bases],
        poison_y=y,
        base_y=y,
        base_index=np.array(bases),
    )


def test_the_same_clean_features_share_a_map() -> None:
    plots = [plot(0, [1]), plot(1, [1]), plot(0, [2]), None]
    assert comparison.same_map(plots) == [[0, 2], [1]]


def test_base_images_are_the_same_by_their_pixels_and_class() -> None:
    plots = [plot(0, [1, 2, 3]), plot(1, [3, 5, 2]), plot(2, [3])]
    assert comparison.shared_bases(plots) == [(2, 0, 0), (1, 2, None)]
    assert comparison.shared_bases([plot(0, [1], [4]), plot(0, [1], [5])]) == []
    assert comparison.shared_bases([plot(0, [1, 1]), plot(0, [2, 1])]) == [(0, 1)]
    assert comparison.shared_bases([None, plot(0, [1])]) == []


def test_confusion_of_an_older_run_is_not_there() -> None:
    score = Score(0.5, [0.5, 0.5])
    assert comparison.confusion(score, 2) is None
    assert comparison.confusion(None, 2) is None
    assert comparison.confusion(replace(score, confusion=[[1]]), 2) is None
    result = comparison.confusion(replace(score, confusion=[[3, 1], [0, 4]]), 2)
    assert result is not None
    assert result.tolist() == [[3, 1], [0, 4]]


def test_the_classes_that_change_most_keep_their_order() -> None:
    assert comparison.most_changed([[0, -9, 1, 0], [0, 0, 0, 5]], 2) == [1, 3]
    assert comparison.most_changed([[1, 2]], 5) == [0, 1]


def test_the_largest_confusion_is_off_the_diagonal() -> None:
    assert comparison.largest_confusion(np.array([[90, 3], [-4, 80]])) == 4
    assert comparison.largest_confusion(np.array([[90, 0], [0, 80]])) == 1
