"""The poisonability threshold: constants, the definition by brute force, and its limits."""

import math

import pytest
import torch

from core import head
from core.threshold import least_residual, reach, threshold


@pytest.mark.parametrize(("n_classes", "constant"), [(2, 0.278465), (3, 0.463056), (10, 1.101003)])
def test_reach_is_the_published_constant(n_classes: int, constant: float) -> None:
    assert reach(n_classes) == pytest.approx(constant, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 100])
def test_reach_is_the_maximum_that_it_stands_for(n_classes: int) -> None:
    t = torch.linspace(0, 20, 2_000_001, dtype=torch.float64)
    assert reach(n_classes) == pytest.approx(float((t * (n_classes - 1) / (t.exp() + n_classes - 1)).max()), rel=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_no_poison_cancels_more_than_reach(ridge: float) -> None:
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(5, 7, generator=generator, dtype=torch.float64)
    z = 10 * torch.randn(2000, 6, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (2000,), generator=generator)
    p = torch.softmax(head.with_ones(z) @ theta.T, 1)
    p[torch.arange(2000), y] -= 1
    cancelled = -(p * (head.with_ones(z) @ theta.T)).sum(1)
    assert cancelled.max() <= reach(5)
    assert cancelled.max() > 0.5 * reach(5)


def test_the_clean_optimum_needs_no_poison_but_a_ridge_of_its_own() -> None:
    """At the clean head g + ridge w = 0, so that ⟨w, g⟩ + ridge ‖w‖² = 0: the threshold is 0."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    y = (z[:, 0] + 0.5 * torch.randn(50, generator=generator, dtype=torch.float64) > 0).long()
    problem = head.HeadProblem(head.with_ones(z), y, 2, 1e-2)
    theta = head.solve(problem, tol=1e-12)
    unridged = problem.gradient(theta)[0] - problem.ridge_row * theta
    assert threshold(theta, unridged, 2, 1e-2) == pytest.approx(0.0, abs=1e-10)
    assert least_residual(theta, unridged, 0.0, 2, 1e-2) == pytest.approx(0.0, abs=1e-10)


def test_heavy_parameters_are_out_of_reach_at_any_budget() -> None:
    theta = torch.full((2, 3), 10.0, dtype=torch.float64)
    assert threshold(theta, torch.zeros_like(theta), 2, ridge=1e-3) == math.inf
    assert threshold(theta, torch.zeros_like(theta), 2, ridge=0.0) == 0.0
