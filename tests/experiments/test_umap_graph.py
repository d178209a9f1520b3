"""The graph of the map, beside a slow and obvious one."""

import math

import numpy as np
import torch

from core.experiments.umap_graph import fuzzy_union, memberships
from core.heads.neighbours import neighbours


def points(n: int = 40) -> torch.Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(0))


def test_memberships_sum_to_the_logarithm_of_the_neighbours() -> None:
    _, distance = neighbours(points(), 14)
    membership = memberships(distance)
    np.testing.assert_allclose(membership.sum(1), np.full(40, math.log2(15)), rtol=1e-4)
    assert bool((membership[:, 0] == 1).all())
    assert bool((membership.diff(dim=1) <= 0).all())


def test_the_nearest_distinct_point_sets_the_offset() -> None:
    """Two copies of a point are its full neighbours, as is the nearest point that differs."""
    membership = memberships(torch.tensor([[0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]]))
    assert membership[0, :3].tolist() == [1, 1, 1]
    assert 0 < float(membership[0, 4]) < float(membership[0, 3]) < 1


def test_equal_distances_are_full_memberships() -> None:
    assert memberships(torch.full((2, 5), 3.0)).tolist() == [[1] * 5] * 2
    assert memberships(torch.zeros(2, 5)).tolist() == [[1] * 5] * 2


def test_the_union_is_that_of_two_fuzzy_sets() -> None:
    near, distance = neighbours(points(), 4)
    membership = memberships(distance)
    one_way = torch.zeros(40, 40)
    for i in range(40):
        for j, value in zip(near[i].tolist(), membership[i].tolist(), strict=True):
            one_way[i, j] = value
    expected = one_way + one_way.T - one_way * one_way.T
    graph = fuzzy_union(near, membership)
    dense = torch.zeros(40, 40)
    for i in range(40):
        row = slice(graph.start[i], graph.start[i + 1])
        dense[i, graph.target[row]] = graph.weight[row]
        assert graph.target[row].tolist() == sorted(graph.target[row].tolist())
    torch.testing.assert_close(dense, expected)
    assert len(graph.weight) == int((expected > 0).sum())
