"""Axes that far points do not squeeze."""

import numpy as np
import pytest

from core.presentation.maps.ranges import BAND, fold_far

RNG = np.random.default_rng(0)
CLOUD = RNG.uniform(0, 10, (1000, 2))
"""Points that fill a square, as maps do."""


def test_nothing_is_folded_where_the_points_fill_the_axes() -> None:
    for xy in (CLOUD, RNG.normal(size=(2000, 2)), np.zeros((5, 2)), CLOUD[:1]):
        folded = fold_far(xy)
        assert not folded.is_far.any()
        np.testing.assert_array_equal(folded.xy, xy.astype(np.float32))
        np.testing.assert_allclose([folded.low, folded.high], [xy.min(axis=0), xy.max(axis=0)])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_far_clump_stands_in_the_margin_in_its_order(axis: int, side: int) -> None:
    clump = np.tile([5.0, 5.0], (100, 1))
    clump[:, axis] = side * np.linspace(50, 60, 100)
    folded = fold_far(np.concatenate([CLOUD, clump]))
    assert folded.is_far.tolist() == [False] * 1000 + [True] * 100
    np.testing.assert_allclose([folded.low, folded.high], [CLOUD.min(axis=0), CLOUD.max(axis=0)])
    np.testing.assert_array_equal(folded.xy[:1000], CLOUD.astype(np.float32))
    end, room = (folded.high if side > 0 else folded.low)[axis], BAND * (folded.high - folded.low)[axis]
    out = side * (folded.xy[1000:, axis] - end)
    assert (np.diff(out) > 0).all()
    assert 0 < out.min() < out.max() <= 1.0001 * room
    assert (folded.xy[1000:, 1 - axis] == 5).all()


def test_clumps_on_both_sides_and_a_thin_tail_are_folded() -> None:
    clumps = np.concatenate([np.full((50, 2), 40.0), np.full((50, 2), -40.0)])
    assert fold_far(np.concatenate([CLOUD, clumps])).is_far.sum() == 100
    tail = np.column_stack([10 + 1.9 ** np.arange(5), np.full(5, 5.0)])
    assert fold_far(np.concatenate([CLOUD, tail])).is_far.sum() <= 10


def test_a_large_part_or_the_poison_itself_is_never_folded() -> None:
    half = np.concatenate([CLOUD, CLOUD + 90])
    assert not fold_far(half).is_far.any()
    poison = np.concatenate([CLOUD, np.full((60, 2), 80.0)])
    assert fold_far(poison).is_far.sum() == 60
    assert not fold_far(poison, np.arange(1060) >= 1000).is_far.any()
