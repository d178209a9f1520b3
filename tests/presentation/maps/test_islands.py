"""Islands of classes: where a name belongs."""

import numpy as np
import pytest

from core.presentation.maps.islands import islands

RNG = np.random.default_rng(1)


def clump(x: float, y: float, count: int) -> np.ndarray:
    return np.array([x, y]) + 0.3 * RNG.normal(size=(count, 2))


def test_two_islands_of_one_class_are_two_and_crumbs_are_none() -> None:
    xy = np.concatenate([clump(0, 0, 60), clump(10, 0, 35), clump(0, 10, 5), clump(10, 10, 100)])
    y = np.repeat([0, 2], [100, 100])
    first, second, other = islands(xy, y, 3)
    assert [island.label for island in (first, second, other)] == [0, 0, 2]
    assert [island.share for island in (first, second, other)] == pytest.approx([0.6, 0.35, 1.0], abs=0.03)
    places = [(island.x, island.y) for island in (first, second, other)]
    np.testing.assert_allclose(places, [[0, 0], [10, 0], [10, 10]], atol=0.3)
    for island in (first, second, other):
        assert island.low[0] < island.x < island.high[0] < island.low[0] + 2
        assert island.low[1] < island.y < island.high[1] < island.low[1] + 2


def test_a_class_that_lies_everywhere_still_has_one_island() -> None:
    xy = RNG.uniform(0, 10, (12, 2))
    assert len(islands(xy, np.zeros(12, int), 1)) >= 1
    assert islands(xy[:0], np.zeros(0, int), 4) == []
    (point,) = islands(np.ones((1, 2)), np.array([3]), 4)
    assert (point.label, point.x, point.y, point.share) == (3, 1.0, 1.0, 1.0)
