"""Exact neighbours, beside all distances."""

import pytest
import torch

from core.heads import neighbours as module
from core.heads.neighbours import nearest, neighbours


def slow(points: torch.Tensor, pool: torch.Tensor, k: int, excluded: torch.Tensor | None = None) -> torch.Tensor:
    distance = torch.cdist(points.double(), pool.double(), compute_mode="donot_use_mm_for_euclid_dist")
    if excluded is not None:
        distance[torch.arange(len(points)), excluded] = torch.inf
    return distance.sort(1).values[:, :k]


def spread(n: int, d: int) -> torch.Tensor:
    """Points of which few directions hold most of the variance, as features do."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator) * torch.logspace(0, -2, d)


@pytest.mark.parametrize(("n", "d", "k"), [(5, 3, 4), (33, 2, 7), (100, 1, 10), (500, 40, 15)])
def test_they_are_the_nearest(n: int, d: int, k: int) -> None:
    z = spread(n, d)
    rows, distance = neighbours(z, k)
    torch.testing.assert_close(distance.double(), slow(z, z, k, torch.arange(n)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close((z[rows] - z[:, None]).norm(dim=2), distance)


@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_they_are_exact_by_principal_components(decay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With flat variance the projection proves nothing, and the whole pool is searched."""
    monkeypatch.setattr(module, "_MANY", 100)
    monkeypatch.setattr(module, "_PROJECTED", 8)
    z = torch.randn(400, 60, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -decay, 60)
    rows, distance = neighbours(z, 9)
    torch.testing.assert_close(distance.double(), slow(z, z, 9, torch.arange(400)), rtol=1e-5, atol=1e-6)
    assert bool((rows != torch.arange(400)[:, None]).all())


def test_near_duplicates_keep_their_digits() -> None:
    z = torch.cat([torch.full((1, 20), 100.0), torch.full((1, 20), 100.0), spread(50, 20)])
    z[1, 0] += 1e-3
    rows, distance = neighbours(z, 2)
    assert rows[0, 0] == 1
    assert float(distance[0, 0]) == pytest.approx(float(z[1, 0] - z[0, 0]), rel=1e-3)


def test_of_other_points_none_is_excluded() -> None:
    z = spread(60, 6)
    rows, distance = nearest(z[:10], z, 3)
    assert rows[:, 0].tolist() == list(range(10))
    assert distance[:, 0].tolist() == [0] * 10
