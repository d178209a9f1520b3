"""The poisonability threshold: constants, the definition by brute force, and its limits."""

import math

import pytest
import torch

from core.attacks.algorithms.gradient_canceling import Canceling, gradpc_target
from core.attacks.algorithms.plan import make_plan
from core.heads import logistic as head
from core.heads.reachability import BUDGETS, certificate, least_residual, reach, reachability, threshold
from tests import tiny


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


def parts(radius: float) -> tuple[head.HeadProblem, torch.Tensor, torch.Tensor]:
    """The clean problem, a target, and the gradient of the loss alone there."""
    scene = tiny.scene()
    problem, theta = scene.problem, gradpc_target(scene, radius)
    return problem, theta, problem.gradient(theta)[0] - problem.ridge_row * theta


@pytest.mark.parametrize("m", [3, 30, 150])
@pytest.mark.parametrize("corner", [True, False])
def test_no_bound_forbids_what_poison_does(m: int, corner: bool) -> None:
    """Whatever head poison in the box makes is within reach of its budget, by the threshold and the certificate."""
    scene = tiny.scene()
    problem = scene.problem
    low, high = scene.z.amin(0), scene.z.amax(0)
    generator = torch.Generator().manual_seed(m)
    share = torch.rand(m, 24, generator=generator)
    zeta = low + (share.round() if corner else share) * (high - low)
    y = torch.randint(10, (m,), generator=generator)
    theta = head.fit(torch.cat([scene.z, zeta]), torch.cat([scene.y, y]), 10, scene.ridge)
    gradient = problem.gradient(theta)[0] - problem.ridge_row * theta
    bound = certificate(theta, gradient, low, high, scene.ridge)
    assert 0 < bound <= m / 300
    assert threshold(theta, gradient, 10, scene.ridge) <= m / 300 + 1e-6


def test_the_certificate_is_a_supremum_over_the_box_by_brute_force() -> None:
    """Two classes, one feature: the best direction among many, and the largest pull over a fine grid of the box."""
    theta = torch.tensor([[-0.5, 0.1], [0.5, -0.1]], dtype=torch.float64)
    gradient = torch.tensor([[-0.02, 0.01], [0.02, -0.01]], dtype=torch.float64)
    low, high = torch.tensor([-1.0]), torch.tensor([2.0])
    bound = certificate(theta, gradient, low, high, 0.0)
    angles = torch.linspace(0, 2 * math.pi, 20_001, dtype=torch.float64)
    best = 0.0
    for a, b in zip(angles.cos().tolist(), angles.sin().tolist(), strict=True):
        needed = 2 * (a * 0.02 + b * -0.01)
        reachable = max(2 * abs(a * z + b) for z in (-1.0, 2.0))
        best = max(best, needed / reachable)
    assert bound <= best * (1 + 1e-3)  # the grid of directions is coarse
    assert bound > 0.9 * best


def test_narrower_boxes_are_certified_higher() -> None:
    scene = tiny.scene()
    _, theta, gradient = parts(3.0)
    low, high = scene.z.amin(0), scene.z.amax(0)
    wide, narrow = (certificate(theta, gradient, s * low, s * high, scene.ridge) for s in (2.0, 0.5))
    assert narrow > wide


def test_reachability_gathers_what_the_parts_say() -> None:
    scene = tiny.scene()
    problem, theta, gradient = parts(3.0)
    plan = make_plan(scene, tiny.spec("gc-feature"))
    canceling = Canceling.prepare(problem, theta, plan.y)
    residual = float(canceling.residual(scene.z[plan.base].double())[0].norm())
    reached = reachability(problem, theta, 0.04, residual, None)
    assert reached.tau == pytest.approx(threshold(theta, gradient, 10))
    assert reached.tau_ridge == pytest.approx(threshold(theta, gradient, 10, scene.ridge))
    assert reached.certificate is None
    assert [budget for budget, _ in reached.floor] == list(BUDGETS)
    floors = [floor for _, floor in reached.floor]
    assert floors == sorted(floors, reverse=True)
    assert least_residual(theta, gradient, 0.04, 10, scene.ridge) <= residual
    heavy = reachability(problem, 100 * theta, 0.04, 1.0, (scene.z.amin(0), scene.z.amax(0)))
    assert heavy.tau_ridge is None


def test_a_target_of_zeros_is_no_division_by_zero() -> None:
    """As of a head on features without spread and classes of the same size."""
    zeros = torch.zeros(3, 5, dtype=torch.float64)
    assert least_residual(zeros, zeros, 0.1, 3, 1e-3) == 0.0
    problem = head.HeadProblem(head.with_ones(torch.zeros(6, 4)), torch.arange(6) % 3, 3, 1e-3)
    reached = reachability(problem, zeros, 0.1, 0.0, (torch.zeros(4), torch.zeros(4)))
    assert [residual for _, residual in reached.floor] == [0.0] * len(BUDGETS)
    assert (reached.tau, reached.tau_ridge) == (0.0, 0.0)
