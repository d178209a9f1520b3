"""Gradient Canceling: the published toy, finite differences, GradPC and its ball."""

import math

import pytest
import torch

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.gradient_canceling import (
    ADAM_STEP,
    Canceling,
    accuracy_after,
    cancel,
    gc_features,
    gradpc_target,
)
from core.attacks.algorithms.plan import make_plan
from core.attacks.execution import execute
from core.attacks.parts.settings import RADII
from core.heads import logistic as head
from core.heads.reachability import least_residual, threshold
from core.spec.events import Event, silent
from tests import tiny


def toy(scale: float) -> tuple[head.HeadProblem, torch.Tensor]:
    """X = {(1, 1) → 1, (−1, 1) → 1, (0, 1) → 0}, binary, no bias; w = scale · (0, 2 ln 2) as a two-row softmax."""
    z = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]])
    problem = head.HeadProblem(head.with_ones(z, 0.0), torch.tensor([1, 1, 0]), 2, 0.0)
    w = scale * torch.tensor([0.0, 2 * math.log(2), 0.0], dtype=torch.float64)
    return problem, torch.stack([-w / 2, w / 2])


def residual_of(problem: head.HeadProblem, theta: torch.Tensor, label: int, epsilon: float) -> float:
    """The residual's norm in the binary form, after the best single poison location."""
    canceling = Canceling.prepare(problem, theta, torch.tensor([label]), epsilon)
    zeta = canceling.minimise(Ascent(torch.tensor([[0.1, 0.1]], dtype=torch.float64), ADAM_STEP, 4000), 4000)
    residual, _ = canceling.residual(zeta)
    assert residual[:, -1].abs().max() == 0  # no bias, no gradient of it
    return float(residual.norm()) / math.sqrt(2)


def test_the_reachable_toy_is_reached() -> None:
    problem, theta = toy(1 / 1.1)
    gradient, _ = problem.gradient(theta)
    assert float((theta * gradient).sum()) == pytest.approx(0.14166102, abs=1e-8)
    assert threshold(theta, gradient, 2) == pytest.approx(0.50872193, abs=1e-7)
    assert min(residual_of(problem, theta, label, 0.52) for label in (0, 1)) < 1e-6


def test_below_the_threshold_the_toy_stops_at_its_floor() -> None:
    problem, theta = toy(1.0)
    gradient, _ = problem.gradient(theta)
    assert threshold(theta, gradient, 2) == pytest.approx(0.66378, abs=1e-5)
    best = min(residual_of(problem, theta, label, 0.52) for label in (0, 1))
    assert best**2 == pytest.approx(8.34117e-4, rel=1e-5)
    assert least_residual(theta, gradient, 0.52, 2) / math.sqrt(2) == pytest.approx(best, rel=1e-5)


def test_the_residual_vanishes_where_poison_makes_the_head() -> None:
    """At the head that clean and poisoned points make together, the residual is 0: weights, biases and ridge."""
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("gc-feature"))
    zeta = scene.z[plan.base].double()
    problem = head.HeadProblem(
        head.with_ones(torch.cat([scene.z.double(), zeta])), torch.cat([scene.y, plan.y]), 10, scene.ridge
    )
    theta = head.solve(problem, tol=1e-12)
    clean = head.HeadProblem(head.with_ones(scene.z), scene.y, 10, scene.ridge)
    residual, _ = Canceling.prepare(clean, theta, plan.y).residual(zeta)
    assert float(residual.norm()) < 1e-11


def test_its_gradient_equals_finite_differences() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("gc-feature"))
    clean = head.HeadProblem(head.with_ones(scene.z), scene.y, 10, scene.ridge)
    canceling = Canceling.prepare(clean, gradpc_target(scene, 3.0), plan.y)
    zeta = scene.z[plan.base].double()
    gradient = -canceling.residual(zeta)[1]
    direction = torch.randn(zeta.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plus, minus = (0.5 * canceling.residual(zeta + s * 1e-5 * direction)[0].square().sum() for s in (1, -1))
    assert float((gradient * direction).sum()) == pytest.approx(float(plus - minus) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("radius", [1e-4, 1.0, 10.0])
def test_gradpc_stays_in_its_ball_and_raises_the_training_loss(radius: float) -> None:
    scene = tiny.scene()
    target = gradpc_target(scene, radius)
    assert float((target - scene.clean_head).norm()) <= radius * (1 + 1e-12)
    problem = head.HeadProblem(head.with_ones(scene.z), scene.y, 10, 0.0)
    assert problem.objective(target) > problem.objective(scene.clean_head)


def test_gradpc_with_a_tiny_radius_changes_nothing() -> None:
    scene = tiny.scene()
    target = gradpc_target(scene, 1e-4)
    before, after = (head.logits(theta, scene.z).argmax(1) for theta in (scene.clean_head, target))
    assert torch.equal(before, after)


def test_free_features_cancel_at_least_as_well_as_bound_ones() -> None:
    scene = tiny.scene()
    residuals = {}
    for constraint in ("none", "valid"):
        spec = tiny.spec("gc-feature", constraint=constraint)
        plan = make_plan(scene, spec)
        theta, zeta = gc_features(scene, plan, "gradpc", 3.0, 1500, silent)
        clean = head.HeadProblem(head.with_ones(scene.z), scene.y, 10, scene.ridge)
        residuals[constraint] = float(Canceling.prepare(clean, theta, plan.y).residual(zeta)[0].norm())
    assert residuals["none"] <= residuals["valid"] * 1.001


def test_the_search_keeps_the_radius_that_hurts_training_most() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("gc-feature"))
    accuracies = {}
    for radius in RADII:
        zeta = cancel(scene, plan, gradpc_target(scene, radius), 100, silent)
        z, y = torch.cat([scene.z.double(), zeta]), torch.cat([scene.y, plan.y])
        accuracies[radius] = head.accuracy(head.fit(z, y, 10, scene.ridge), scene.z, scene.y)
    events: list[Event] = []
    target, zeta = gc_features(scene, plan, "search", 3.0, 100, events.append)
    kept = float((target - scene.clean_head).norm())
    assert kept == pytest.approx(min(RADII, key=lambda r: accuracies[r]), rel=1e-6)
    assert accuracy_after(scene, plan, zeta) == pytest.approx(min(accuracies.values()))
    steps = [(event.done, event.total) for event in events if event.stage == "stage2"]
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {300}


def test_a_larger_budget_cancels_at_least_as_well() -> None:
    problem, theta = toy(1.0)
    residuals = [min(residual_of(problem, theta, label, epsilon) for label in (0, 1)) for epsilon in (0.2, 0.4, 0.6)]
    assert residuals == sorted(residuals, reverse=True)


def test_features_cancel_better_than_the_images_made_of_them() -> None:
    scene = tiny.scene()
    settings = {"stage2": "gc", "target": "gradpc", "steps": 400}
    attacked = execute(tiny.spec("ft-donor", attack=settings), scene, silent)
    assert attacked.target is not None
    assert attacked.zeta is not None
    canceling = Canceling.prepare(scene.problem, attacked.target, attacked.y)
    stage2, images = (
        float(canceling.residual(z.double())[0].norm()) for z in (attacked.zeta, scene.pipeline(attacked.x))
    )
    assert stage2 < images
