"""The mathematics of the playground in the browser, against that of `core` on the same data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from core.attacks.algorithms.implicit import influences
from core.attacks.algorithms.outer import ALIKE
from core.defences.algorithms.base import TrainingSet
from core.defences.chain import parse_chain
from core.defences.execution import judge
from core.heads import logistic as head
from core.presentation import plane
from core.presentation.plane import Plane
from pages._playground import RIDGES, PoisonPoint, View
from tests.browser.playground.harness import make_scene, modules, training_set

pytestmark = pytest.mark.browser
PLANES = tuple(plane.DRAWN)
TIGHT = 1e-11


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with modules(browser) as opened:
        yield opened


def with_poison(points: Plane, count: int = 12, **view: Any) -> View:
    """A state with poison in and beyond the clean range, of all labels."""
    rng = np.random.default_rng(1)
    places = rng.normal(0, 2.5, (count, 2)).round(3)
    poison = [PoisonPoint(i % len(points.classes), (float(a), float(b)), i) for i, (a, b) in enumerate(places)]
    return View(poison=tuple(poison), budget=30, constraint="none", **view)


def converged(points: Plane, view: View, keep: torch.Tensor | None = None) -> torch.Tensor:
    """The head of core, far beyond its usual tolerance."""
    z, y = training_set(points, view)
    if keep is not None:
        z, y = z[keep], y[keep]
    problem = head.HeadProblem(head.with_ones(z), y, len(points.classes), view.ridge)
    return head.solve(problem, tol=TIGHT, max_iter=500)


def in_browser(page: Page, script: str) -> Any:
    return page.evaluate(script)


def browser_head(page: Page) -> torch.Tensor:
    """The head (c, 3) of the page's scene."""
    theta = in_browser(page, "Array.from(scene.trained().theta)")
    return torch.tensor(theta, dtype=torch.float64).reshape(-1, 3)


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("name", PLANES)
def test_the_head_is_that_of_core(name: str, ridge: float, page: Page) -> None:
    points = plane.DRAWN[name]()
    view = with_poison(points, ridge=ridge)
    make_scene(page, points, view)
    theta = browser_head(page)
    expected = converged(points, view)
    assert theta.sub(expected).abs().max() < 1e-6
    assert in_browser(page, "scene.solved.worst") <= head.GRADIENT_TOLERANCE
    z, y = training_set(points, view)
    test = torch.tensor(points.test_x), torch.tensor(points.test_y)
    assert in_browser(page, "scene.evaluate().poisoned") == pytest.approx(head.accuracy(expected, *test), abs=1e-12)
    objective = head.HeadProblem(head.with_ones(z), y, len(points.classes), ridge).at(theta)
    assert float(objective.gradient.norm()) <= 1e-9


def test_separable_points_have_a_converged_head(page: Page) -> None:
    points = plane.blobs([(-3.0, 0.0), (3.0, 0.0)], 0.1, "Apart")
    view = View(ridge=1e-4)
    make_scene(page, points, view)
    theta = browser_head(page)
    assert theta.sub(converged(points, view)).abs().max() < 1e-6


def test_a_head_that_does_not_converge_is_an_error(page: Page) -> None:
    """No accuracy is made of it: a feature that is no number is one way to get there."""
    script = """async () => {
      const { NotConverged, solve, pointsOf } = await import("/head.js");
      const problem = { ...pointsOf([[NaN, 0, 0], [1, 1, 1]]), c: 2, ridge: 1e-3 };
      try { solve(problem); } catch (error) { return error instanceof NotConverged; }
      return false;
    }"""
    assert in_browser(page, script)


@pytest.mark.parametrize("name", ["sphere", "loss", "trim"])
@pytest.mark.parametrize("data", PLANES)
def test_defences_keep_what_those_of_core_keep(data: str, name: str, page: Page) -> None:
    points = plane.DRAWN[data]()
    view = with_poison(points, count=10, defence=name)  # 210 and 310 points: shares that end in a half are among them
    make_scene(page, points, view)
    kept = torch.tensor(in_browser(page, "Array.from(scene.trained().verdict.keep)")).bool()
    z, y = training_set(points, view)
    (settings,) = parse_chain([name])
    expected = judge(settings, TrainingSet(z, y, len(points.classes), view.ridge)).keep
    assert torch.equal(kept, expected)
    assert 0 < int((~kept).sum()) < len(y) // 10
    theta = browser_head(page)
    assert theta.sub(converged(points, view, expected)).abs().max() < 1e-6


def test_halves_are_rounded_as_python_rounds(page: Page) -> None:
    values = [0.5, 1.5, 2.5, 3.5, 4.49, 4.51, 0.05 * 90, 0.05 * 110, 0.0]
    script = """async (values) => {
      const { roundHalfEven } = await import("/defences.js");
      return values.map(roundHalfEven);
    }"""
    assert page.evaluate(script, values) == [round(value) for value in values]


@pytest.mark.parametrize("data", PLANES)
def test_outer_loss_and_influence_are_those_of_core(data: str, page: Page) -> None:
    points = plane.DRAWN[data]()
    view = with_poison(points, ridge=1e-2)
    make_scene(page, points, view)
    c = len(points.classes)
    theta = converged(points, view)
    z, y = training_set(points, view)
    train = torch.tensor(points.train_x), torch.tensor(points.train_y)
    value, gradient = ALIKE(head.logits(theta, train[0]), head.with_ones(train[0]), train[1])
    curvature = head.HeadProblem(head.with_ones(z), y, c, view.ridge).at(theta).curvature
    q = head.conjugate_gradients(curvature, gradient, tol=1e-12)
    places = torch.tensor([[0.3, -0.2], [2.0, 1.0], [-3.0, 2.5]], dtype=torch.float64)
    expected = influences(theta, q, places) / len(y)
    script = """async (places) => {
      const { influence } = await import("/influence.js");
      const result = scene.evaluate();
      const at = ([a, b]) => Array.from(influence(result.theta, result.q, result.n, a, b, new Float64Array(scene.c)));
      return { outer: result.outer, influences: places.map(at) };
    }"""
    found = page.evaluate(script, places.tolist())
    assert found["outer"] == pytest.approx(float(value), abs=1e-9)
    assert torch.tensor(found["influences"], dtype=torch.float64) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("defence", ["none", "sphere"])
def test_the_gradient_is_that_of_finite_differences(defence: str, page: Page) -> None:
    points = plane.DRAWN["three"]()
    view = with_poison(points, count=6, defence=defence, ridge=1e-2)
    make_scene(page, points, view)
    script = """async (step) => {
      const { gradients } = await import("/attack.js");
      const result = scene.evaluate();
      const exact = gradients(scene, result);
      const differences = scene.view.poison.map((point) => [0, 1].map((axis) => {
        const start = [...point.x];
        const values = [1, -1].map((side) => {
          point.x = start.map((x, i) => x + (i === axis ? side * step : 0));
          return scene.evaluate().outer;
        });
        point.x = start;
        return (values[0] - values[1]) / (2 * step);
      }));
      return { exact, differences, removed: result.removed };
    }"""
    found = page.evaluate(script, 1e-5)
    exact, differences = np.array(found["exact"]), np.array(found["differences"])
    assert np.abs(exact).max() > 1e-5
    assert np.abs(exact - differences).max() < 1e-5 * np.abs(exact).max()
    assert any(found["removed"]) == (defence == "sphere")
    assert (np.abs(exact).sum(1) == 0).tolist() == found["removed"]


def test_the_influence_is_the_first_order_effect_of_one_more_point(page: Page) -> None:
    """Up to what is the same for all places: differences between places are compared with heads that are solved."""
    points = plane.DRAWN["blobs"]()
    make_scene(page, points, View(constraint="none", ridge=1e-2), train=points.as_data()["train"] * 40)
    script = """async (places) => {
      const { influence, damage } = await import("/influence.js");
      const result = scene.evaluate();
      const outerWith = (x) => damage(scene.trained([{ x, label: 0 }]).theta, scene.c, scene.train).value;
      const out = new Float64Array(scene.c);
      const first = places.map(([a, b]) => influence(result.theta, result.q, result.n, a, b, out)[0]);
      return { first, solved: places.map((x) => outerWith(x) - result.outer) };
    }"""
    found = page.evaluate(script, [[2.0, 1.0], [-1.0, -1.0], [3.0, 2.0], [0.5, 0.0]])
    first, solved = np.array(found["first"]), np.array(found["solved"])
    assert np.ptp(first) > 0
    assert first - first[0] == pytest.approx(solved - solved[0], rel=5e-3, abs=1e-8)
