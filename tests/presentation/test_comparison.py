"""What finished runs share, and what can be laid over what."""

import numpy as np

from core.presentation import comparison
from core.system.arrays import Array


def view(seed: int, bases: list[int], labels: list[int] | None = None) -> dict[str, Array]:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 1, 2, 2), dtype=np.uint8)
    return {
        "train_xy": np.random.default_rng(seed).normal(size=(10, 2)).astype(np.float32),
        "base_x": pixels[bases],
        "base_y": np.array(labels or [0] * len(bases)),
    }


def test_the_same_clean_features_share_a_map() -> None:
    views = [view(0, [1]), view(1, [1]), view(0, [2]), {}]
    assert comparison.same_map(views) == [[0, 2], [1]]


def test_base_images_are_the_same_by_their_pixels_and_class() -> None:
    views = [view(0, [1, 2, 3]), view(1, [3, 5, 2]), view(2, [3])]
    assert comparison.shared_bases(views) == [(2, 0, 0), (1, 2, None)]
    assert comparison.shared_bases([view(0, [1], [4]), view(0, [1], [5])]) == []
    assert comparison.shared_bases([view(0, [1, 1]), view(0, [2, 1])]) == [(0, 1)]
    assert comparison.shared_bases([{}, view(0, [1])]) == []


def test_confusion_of_an_older_run_is_not_there() -> None:
    assert comparison.confusion({"accuracy": 0.5, "per_class": [0.5, 0.5]}, 2) is None
    assert comparison.confusion({"confusion": None}, 2) is None
    assert comparison.confusion(None, 2) is None
    assert comparison.confusion({"confusion": [[1]]}, 2) is None
    found = comparison.confusion({"confusion": [[3, 1], [0, 4]]}, 2)
    assert found is not None
    assert found.tolist() == [[3, 1], [0, 4]]


def test_the_classes_that_change_most_keep_their_order() -> None:
    assert comparison.most_changed([[0, -9, 1, 0], [0, 0, 0, 5]], 2) == [1, 3]
    assert comparison.most_changed([[1, 2]], 5) == [0, 1]


def test_the_largest_confusion_is_off_the_diagonal() -> None:
    assert comparison.largest_confusion(np.array([[90, 3], [-4, 80]])) == 4
    assert comparison.largest_confusion(np.array([[90, 0], [0, 80]])) == 1
