"""Implicit gradients against finite differences through a head that is solved again each time."""

import pytest
import torch

from core.attacks.algorithms import implicit
from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.implicit import Damage, influential, pullback
from core.attacks.algorithms.outer import ALIKE, Outer, by_leverage
from core.attacks.algorithms.plan import make_plan
from core.heads import logistic as head
from tests import tiny


def random_head(c: int = 4, d: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(c, d + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def points(n: int = 7, d: int = 5, c: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(n, d, generator=generator, dtype=torch.float64), torch.arange(n) % c


def test_pullback_is_autograds() -> None:
    theta, direction, (z, y) = random_head(), random_head(seed=1), points()
    leaf, weights = z.clone().requires_grad_(), theta.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(head.with_ones(leaf) @ weights.T, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    (expected,) = torch.autograd.grad((gradient * direction).sum(), leaf)
    torch.testing.assert_close(pullback(theta, z, torch.softmax(head.logits(theta, z), 1), y, direction), expected)


@pytest.mark.parametrize("outer", [ALIKE, by_leverage(tiny.scene())])
def test_the_implicit_gradient_equals_finite_differences(outer: Outer) -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("tgda-feature"))
    zeta = scene.z[plan.base].double()
    exact = {"tol": 1e-12, "cg_tol": 1e-12, "damping": 0.0}

    def evaluator() -> Damage:
        return Damage(scene, plan.y, outer)

    gradient = evaluator().probe(zeta, **exact).gradient
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(zeta.shape, generator=generator, dtype=torch.float64)
        step = 1e-4
        ahead, behind = (evaluator().probe(zeta + s * step * direction, **exact).damage for s in (1, -1))
        assert float((gradient * direction).sum()) == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_influence_is_what_adding_a_point_does() -> None:
    """To first order: against heads that are fitted with each point added at a tiny weight, i.e. many copies of D."""
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", budget=1 / 300))
    chosen = influential(scene, plan)
    assert chosen.y.equal(plan.label_for[chosen.base])
    z1 = head.with_ones(scene.z)
    before = float(ALIKE(z1 @ scene.clean_head.T, z1, scene.y)[0])

    def rise(i: int) -> float:
        z, y = torch.cat([scene.z] * 10 + [scene.z[i : i + 1]]), torch.cat([scene.y] * 10 + [plan.label_for[i : i + 1]])
        return float(ALIKE(z1 @ head.fit(z, y, 10, scene.ridge, scene.clean_head).T, z1, scene.y)[0]) - before

    rises = torch.tensor([rise(i) for i in range(0, 300, 5)])
    assert rise(int(chosen.base[0])) >= rises.quantile(0.95)


def test_a_rule_without_one_label_keeps_its_sample() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule="random"))
    assert influential(scene, plan) is plan


def test_damping_keeps_an_ascent_direction() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("tgda-feature"))
    zeta = scene.z[plan.base].double()
    exact, damped = (
        Damage(scene, plan.y).probe(zeta, cg_tol=1e-10, damping=damping) for damping in (0.0, implicit.DAMPING)
    )
    assert float((exact.gradient * damped.gradient).sum()) > 0
    assert exact.damage == pytest.approx(damped.damage)


def test_pixels_get_the_features_gradient_pulled_back() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching"))
    x = scene.images[plan.base].double()
    ahead = torch.randn(len(x), 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features, pull = Canvas(scene.pipeline, x, plan.feasible, plan.y).forward(x)
    torch.testing.assert_close(features, scene.pipeline(x))
    pulled = pull(ahead)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        plus, minus = ((scene.pipeline(x + s * 1e-6 * direction) * ahead).sum() for s in (1, -1))
        assert float((pulled * direction).sum()) == pytest.approx(float(plus - minus) / 2e-6, rel=1e-5)


def test_ascent_climbs_a_hill_to_its_constrained_top() -> None:
    top = torch.tensor([1.0, 5.0])
    ascent = Ascent(torch.zeros(2), 0.1, 300, lambda v: v.clamp(-2, 2))
    for _ in range(300):
        ascent.step(top - ascent.x)
    torch.testing.assert_close(ascent.x, torch.tensor([1.0, 2.0]), atol=1e-2, rtol=0)
