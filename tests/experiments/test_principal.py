"""Principal components beside scikit-learn's exact ones."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from core.experiments.principal import Principal


@pytest.mark.parametrize(("n", "d"), [(300, 7), (20, 60), (2, 2)])
def test_they_are_scikit_learns(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    z = rng.normal(size=(n, d)) * np.linspace(1, 3, d) + 5
    theirs, ours = PCA(2, svd_solver="full").fit(z), Principal.fit(z)
    new = rng.normal(size=(9, d))
    sign = np.sign((theirs.components_ * ours.axes).sum(1))
    k = min(n - 1, 2)  # of two points, the second component is any direction
    np.testing.assert_allclose(ours.share, theirs.explained_variance_ratio_, atol=1e-9)
    np.testing.assert_allclose((ours.transform(new) * sign)[:, :k], theirs.transform(new)[:, :k], rtol=1e-6, atol=1e-9)
    assert np.all(ours.axes[[0, 1], np.abs(ours.axes).argmax(1)] > 0)


def test_points_that_are_all_equal_have_no_share() -> None:
    ours = Principal.fit(np.ones((4, 3), np.float32))
    assert ours.share.tolist() == [0.0, 0.0]
    assert ours.transform(np.ones((2, 3), np.float32)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_where_the_points_lie_on_a_device_they_are_the_same_but_for_rounding() -> None:
    z = (np.random.default_rng(0).normal(size=(300, 7)) * np.linspace(1, 3, 7) + 5).astype(np.float32)
    points = torch.from_numpy(z)
    ours, there = Principal.of(points), Principal._there(points)  # as a GPU computes them
    np.testing.assert_array_equal(ours.axes, Principal.fit(z).axes)
    np.testing.assert_allclose(there.axes, ours.axes, atol=1e-5)
    np.testing.assert_allclose(there.share, ours.share, atol=1e-6)
    np.testing.assert_array_equal(ours.coordinates(points), ours.transform(z))
    np.testing.assert_allclose(ours._coordinates_there(points), ours.transform(z), atol=1e-5)
    assert there.axes.dtype == ours.axes.dtype == np.float32
