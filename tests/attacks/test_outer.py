"""The outer loss against its definition, and leverages against inverses and heads that are fitted without a point."""

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from core.attacks.algorithms.outer import (
    ALIKE,
    LEVERAGE_DAMPING,
    LEVERAGE_SHARPNESS,
    Outer,
    by_leverage,
    leverages,
    outer_of,
)
from core.attacks.execution import execute
from core.attacks.parts.settings import LEVERAGE_POWER
from core.catalog.choices import resolve
from core.heads import logistic as head
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec, parse_spec
from tests import tiny

C, D, N = 4, 5, 7


@pytest.mark.parametrize("weights", [None, torch.linspace(0.1, 1.9, N, dtype=torch.float64)])
@pytest.mark.parametrize("sharpness", [1.0, 2.0, 2.4])
def test_the_loss_and_its_gradient_are_those_of_the_definition(sharpness: float, weights: Tensor | None) -> None:
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(C, D + 1, generator=generator, dtype=torch.float64).requires_grad_()
    z1, y = head.with_ones(torch.randn(N, D, generator=generator, dtype=torch.float64)), torch.arange(N) % C
    p = torch.softmax(sharpness * z1 @ theta.T, dim=1)
    slow = sum((1.0 if weights is None else weights[i]) * (1 - p[i, y[i]]) for i in range(N)) / N
    (expected,) = torch.autograd.grad(slow, theta)
    loss, gradient = Outer(sharpness, weights)(z1 @ theta.detach().T, z1, y)
    torch.testing.assert_close(loss, slow.detach())
    torch.testing.assert_close(gradient, expected)


def test_leverages_are_the_diagonal_of_the_hat_matrix() -> None:
    scene = tiny.scene()
    z, n = scene.problem.z, len(scene.y)
    p = torch.softmax(z @ scene.clean_head.T, 1)[torch.arange(n), scene.y]
    root = (p * (1 - p)).sqrt()
    row = torch.full((z.shape[1],), scene.ridge, dtype=z.dtype)
    row[-1] = 0.0
    half = z * root[:, None]
    hat = half @ torch.linalg.inv(half.T @ half + n * torch.diag(row)) @ half.T
    found = leverages(scene.problem, scene.clean_head)
    torch.testing.assert_close(found, hat.diagonal(), rtol=1e-5, atol=1e-9)
    assert bool(((found > 0) & (found < 1)).all())


def test_points_of_much_leverage_are_those_that_the_head_knows_less_without_them() -> None:
    scene = tiny.scene()
    rows = list(range(0, 300, 6))
    h = leverages(scene.problem, scene.clean_head)[rows]

    def lost(row: int) -> float:
        """The logit of being right that the point loses when it is left out."""
        kept = torch.arange(300) != row
        without = head.fit(scene.z[kept].double(), scene.y[kept], 10, scene.ridge, scene.clean_head)
        both = (
            torch.softmax(scene.problem.z[row] @ theta.T, 0)[scene.y[row]].logit()
            for theta in (scene.clean_head, without)
        )
        return float(next(both) - next(both))

    assert spearmanr(h, [lost(row) for row in rows]).statistic > 0.9


def test_a_head_that_is_sure_of_all_points_has_no_leverage_but_finite_weights() -> None:
    scene = tiny.scene()
    sure = head.HeadProblem(scene.problem.z, scene.y, 10, scene.ridge)
    theta = torch.zeros_like(scene.clean_head)
    theta[:, -1] = torch.where(torch.arange(10) == scene.y[0], 800.0, 0.0)  # probabilities of exactly 0 and 1
    assert leverages(sure, theta).isfinite().all()


def test_points_count_the_less_the_more_leverage_they_have() -> None:
    scene = tiny.scene()
    outer, h = by_leverage(scene), leverages(scene.problem, scene.clean_head)
    assert outer.sharpness == LEVERAGE_SHARPNESS
    assert outer.weights is not None
    assert float(outer.weights.mean()) == pytest.approx(1.0)
    torch.testing.assert_close(outer.weights / outer.weights[0], ((1 - h) / (1 - h[0])) ** LEVERAGE_POWER)
    assert outer_of("alike", scene, 0.3) == (ALIKE, 0.3)
    assert outer_of("leverage", scene, 0.3)[1] == LEVERAGE_DAMPING


def spec(attack: str, **settings: object) -> ExperimentSpec:
    return tiny.spec(attack, attack=settings)


@pytest.mark.parametrize("attack", ["fw-input", "best-input"])
def test_the_choice_changes_the_poison_and_keeps_old_hashes(attack: str) -> None:
    usual, other = (spec(attack, **more) for more in ({}, {"outer": "leverage"}))
    assert '"outer"' not in usual.to_json()
    assert '"outer":"leverage"' in other.to_json()
    assert usual.hash != other.hash
    one, same, two = (execute(which, tiny.scene(), silent) for which in (usual, spec(attack, outer="alike"), other))
    assert one.x is not None
    assert two.x is not None
    assert same.x is not None
    assert one.x.equal(same.x)
    assert not one.x.equal(two.x)


def test_counting_by_leverage_has_a_damping_of_its_own() -> None:
    specs = [
        resolve(parse_spec({"attack": {"name": "fw-input", "outer": outer, "damping": damping}, "defaults": 3}))
        for outer in ("alike", "leverage")
        for damping in (0.01, 0.1)
    ]
    assert len({one.hash for one in specs}) == 3
    assert specs[2].hash == specs[3].hash
