"""Checks 3 and 4 of the method: ones against sevens, pixels as features, a head without bias."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.gradient_canceling import ADAM_STEP, Canceling
from core.catalog.lookup import data_info as info
from core.data.readers import read
from core.heads import logistic as head
from core.heads.reachability import least_residual, reach, threshold

TRAIN = 1500
RIDGE_OF_W = 1e-3
RIDGE = 2 * RIDGE_OF_W
"""Of two rows -w/2 and w/2, whose squares add up to half of the square of w."""


@cache
def ones_and_sevens() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = []
    for part, most in (("train", TRAIN), ("test", None)):
        x, y = read(info("mnist"), part)
        rows = np.flatnonzero((y == 1) | (y == 7))[:most]
        found += [
            torch.from_numpy(x[rows]).flatten(1).double() / 255,
            torch.from_numpy((y[rows] == 7).astype(np.int64)),
        ]
    return found[0], found[1], found[2], found[3]


@cache
def clean() -> tuple[head.HeadProblem, Tensor]:
    z, y, *_ = ones_and_sevens()
    assert len(y) == TRAIN
    problem = head.HeadProblem(head.with_ones(z, 0.0), y, 2, RIDGE)
    return problem, head.solve(problem, tol=1e-9)


def target(radius: float = 1.0) -> tuple[Tensor, Tensor]:
    """GradPC's (2, 785), and the gradient of the loss alone there."""
    problem, start = clean()
    theta = start
    for _ in range(20):
        gradient = problem.loss_gradient(theta)
        theta = theta + radius / 20 * gradient / gradient.norm()
    return theta, problem.loss_gradient(theta)


def single_point(theta: Tensor, gradient: Tensor, epsilon: float) -> Tensor:
    """The one location (1, 784) of label 1 that cancels most.

    A point z pulls w by z / (1 + exp(t)) with t = <w, z>, and t / (1 + exp(t)) is at most W0(1/e). Where that is
    enough, z lies along the gradient G; where it is not, what is left lies along w.
    """
    w = theta[1] - theta[0]
    g = gradient[1] + (1 + epsilon) * RIDGE * theta[1]
    needed = float(w @ g) / epsilon
    t = 1 + reach(2)
    if needed < reach(2):
        t = brentq(lambda t: t / (1 + np.exp(t)) - needed, 0, t, xtol=1e-15)
    left = max(0.0, float(w @ g) - epsilon * reach(2)) / float(w @ w)
    return ((1 + np.exp(t)) / epsilon * (g - left * w))[None, :-1]


def at(share: float) -> tuple[Tensor, Tensor, float, Tensor, float]:
    """Target, gradient, a share of its threshold as budget, the best single point, the residual that it leaves."""
    problem, _ = clean()
    theta, gradient = target()
    epsilon = share * threshold(theta, gradient, 2, RIDGE)
    point = single_point(theta, gradient, epsilon)
    residual, _ = Canceling.prepare(problem, theta, torch.tensor([1]), epsilon).residual(point)
    return theta, gradient, epsilon, point, float(residual.norm())


def test_at_the_threshold_one_location_makes_the_target() -> None:
    theta, _, epsilon, point, residual = at(1.0001)
    assert residual < 1e-12
    z, y, *_ = ones_and_sevens()
    weights = np.append(np.ones(TRAIN), epsilon * TRAIN)
    model = LogisticRegression(
        C=1 / (weights.sum() * RIDGE_OF_W), fit_intercept=False, tol=1e-13, max_iter=1000, solver="newton-cholesky"
    )
    model.fit(torch.cat([z, point]).numpy(), np.append(y.numpy(), 1), weights)
    wanted = (theta[1] - theta[0])[:-1].numpy()
    assert np.linalg.norm(model.coef_[0] - wanted) / np.linalg.norm(wanted) < 1e-6


def test_at_half_of_it_the_residual_is_the_formulas() -> None:
    theta, gradient, epsilon, _, residual = at(0.5)
    assert residual > 1e-4
    assert residual == pytest.approx(least_residual(theta, gradient, epsilon, 2, RIDGE), rel=1e-9)


@pytest.mark.parametrize("radius", [1.0, 3.0])
def test_inside_the_box_canceling_does_little(radius: float) -> None:
    """A tool that reports 20 points here has left the box, or has not converged."""
    z, y, test_z, test_y = ones_and_sevens()
    problem, start = clean()
    theta, _ = target(radius)
    m = round(0.03 * TRAIN)
    base = torch.randperm(TRAIN, generator=torch.Generator().manual_seed(0))[:m]
    labels = 1 - y[base]

    def accuracy(poison: Tensor) -> float:
        both = head.HeadProblem(head.with_ones(torch.cat([z, poison]), 0.0), torch.cat([y, labels]), 2, RIDGE)
        return head.accuracy(head.solve(both, start), test_z, test_y)

    descent = Ascent(z[base], ADAM_STEP, 1000, lambda x: x.clamp_(0, 1))
    poison = Canceling.prepare(problem, theta, labels).minimise(descent, 1000)
    assert float(poison.min()) >= 0
    assert float(poison.max()) <= 1
    before = head.accuracy(start, test_z, test_y)
    assert before > 0.97
    assert before - accuracy(poison) < 0.015
    assert before - accuracy(z[base]) < 0.015
