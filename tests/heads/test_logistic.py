"""The defender's head: its derivatives, its solver, and scikit-learn as an independent judge."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from core.heads import logistic as head
from core.heads.conjugate import by_class
from core.heads.logistic import HeadProblem, NotConverged, with_ones


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small(ridge: float = 0.1) -> HeadProblem:
    return HeadProblem(with_ones(normal(30, 6)), torch.arange(30) % 4, 4, ridge)


@cache
def digits(n: int = 1297) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(labels))
    z, y = torch.from_numpy(images[rows] / 16), torch.from_numpy(labels[rows]).long()
    return z[:n], y[:n], z[1297:], y[1297:]


def test_objective_is_the_definition() -> None:
    problem, theta = small(), normal(4, 7, seed=1)
    slow = 0.0
    for z, y in zip(problem.z, problem.y, strict=True):
        scores = [float(theta[c] @ z) for c in range(4)]
        slow += (np.log(np.sum(np.exp(scores))) - scores[int(y)]) / 30
    slow += 0.05 * float(theta[:, :6].square().sum())
    assert problem.objective(theta) == pytest.approx(slow, rel=1e-12)


def test_gradient_equals_finite_differences() -> None:
    problem, theta, step = small(), normal(4, 7, seed=1), 1e-5
    gradient, _ = problem.gradient(theta)
    slow = torch.zeros_like(theta)
    for i in range(theta.numel()):
        e = torch.zeros(theta.numel(), dtype=torch.float64)
        e[i] = step
        e = e.reshape(theta.shape)
        slow.view(-1)[i] = (problem.objective(theta + e) - problem.objective(theta - e)) / (2 * step)
    assert float((gradient - slow).norm() / slow.norm()) < 1e-7


def test_hessian_products_equal_finite_differences() -> None:
    problem, theta, step = small(), normal(4, 7, seed=1), 1e-5
    _, curvature = problem.gradient(theta)
    for seed in range(2, 7):
        v = normal(4, 7, seed=seed)
        slow = (problem.gradient(theta + step * v)[0] - problem.gradient(theta - step * v)[0]) / (2 * step)
        assert float((curvature(v) - slow).norm() / slow.norm()) < 1e-7


def test_bias_carries_no_ridge() -> None:
    assert small(0.1).ridge_row.tolist() == [0.1] * 6 + [0.0]
    theta = torch.zeros(4, 7, dtype=torch.float64)
    theta[:, -1] = 100.0  # the same bias for all: no probability changes
    assert small().objective(theta) == pytest.approx(np.log(4), abs=1e-9)
    # Under a heavy ridge only the biases are left: they fit the shares of the classes.
    y = torch.tensor([0] * 8 + [1] * 2)
    theta = head.fit(normal(10, 3), y, 2, 1e3)
    assert float(theta[:, :-1].abs().max()) < 1e-3
    assert float(theta[0, -1] - theta[1, -1]) == pytest.approx(np.log(4), abs=1e-3)


def test_a_head_without_bias_keeps_it_at_zero() -> None:
    problem = HeadProblem(with_ones(normal(20, 3), 0.0), torch.arange(20) % 2, 2, 1e-2)
    assert float(head.solve(problem)[:, -1].abs().max()) == 0.0


def judge(z: Tensor, y: Tensor, ridge: float, n_classes: int) -> Tensor:
    """scikit-learn's optimum of the same problem, as a head."""
    model = LogisticRegression(C=1 / (len(z) * ridge), tol=1e-10, max_iter=20_000)
    model.fit(z.numpy(), y.numpy())
    weights, bias = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
    if n_classes == 2:  # one vector where the softmax has two: half of it each way is the same classifier
        weights, bias = torch.cat([-weights, weights]) / 2, torch.cat([-bias, bias]) / 2
    return torch.cat([weights, bias[:, None]], 1)


@pytest.mark.parametrize("ridge", [1e-1, 1e-2, 1e-3, 1e-4])
def test_equals_scikit_learn(ridge: float) -> None:
    """Check 7 of the method: the objective within 1e-8, and the same predictions."""
    z, y, test_z, test_y = digits()
    problem = HeadProblem(with_ones(z), y, 10, ridge)
    ours, theirs = head.fit(z, y, 10, ridge), judge(z, y, ridge, 10)
    assert problem.objective(ours) == pytest.approx(problem.objective(theirs), rel=1e-8)
    assert problem.objective(ours) <= problem.objective(theirs) * (1 + 1e-9)
    for some_z, some_y in ((z, y), (test_z, test_y)):
        top = head.logits(ours, some_z).topk(2, dim=1).values
        tied = int((top[:, 0] - top[:, 1] < 1e-3).sum())
        differing = int((head.logits(ours, some_z).argmax(1) != head.logits(theirs, some_z).argmax(1)).sum())
        assert differing <= tied
        assert abs(head.accuracy(ours, some_z, some_y) - head.accuracy(theirs, some_z, some_y)) <= tied / len(some_y)


@pytest.mark.parametrize("with_all_classes", [True, False])
def test_equals_scikit_learn_in_small_cases(with_all_classes: bool) -> None:
    z = normal(40, 3)
    y = (z[:, 0] + normal(40, seed=3) > 0).long() if not with_all_classes else torch.arange(40) % 3
    c = 3 if with_all_classes else 2
    # With two classes scikit-learn regularises one vector w where we have w / 2 and -w / 2: half the ridge.
    theirs = judge(z, y, 1e-2 if c == 3 else 1e-2 / 2, c)
    problem = HeadProblem(with_ones(z), y, c, 1e-2)
    ours = head.solve(problem, tol=1e-10)
    assert problem.objective(ours) == pytest.approx(problem.objective(theirs), rel=1e-8)
    torch.testing.assert_close(ours[:, :-1], theirs[:, :-1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("ridge", [1e-1, 1e-3])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_warm_start_ends_at_the_same_optimum(ridge: float, seed: int) -> None:
    z, y, *_ = digits(300)
    problem = HeadProblem(with_ones(z), y, 10, ridge)
    cold, warm = head.solve(problem, tol=1e-10), head.solve(problem, 3 * normal(10, 65, seed=seed), tol=1e-10)
    torch.testing.assert_close(warm[:, :-1], cold[:, :-1], atol=1e-6, rtol=0)
    assert problem.objective(warm) == pytest.approx(problem.objective(cold), rel=1e-12)


def test_starting_at_the_optimum_moves_nothing_and_the_start_is_left_alone() -> None:
    problem = small()
    theta = head.solve(problem)
    assert torch.equal(head.solve(problem, theta, max_iter=1), theta)
    start = normal(4, 7, seed=5)
    before = start.clone()
    head.solve(problem, start)
    assert torch.equal(start, before)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10])
def test_the_gradient_at_the_end_is_within_the_tolerance(tol: float) -> None:
    problem = small(1e-3)
    assert float(problem.gradient(head.solve(problem, tol=tol))[0].norm()) <= tol


def test_separable_classes_and_large_features_converge() -> None:
    y = torch.arange(20) % 2
    z = 100 * (2 * y[:, None] - 1) + normal(20, 2)
    theta = head.fit(z, y, 2, 1e-4)
    assert head.accuracy(theta, z, y) == 1.0


def test_an_unfinished_head_is_refused() -> None:
    with pytest.raises(NotConverged, match=r"gradient norm .* after 1 steps\. Use a larger ridge"):
        head.solve(small(1e-6), max_iter=1)


def test_logits_and_accuracy_are_closed_forms() -> None:
    theta = torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, -0.5]], dtype=torch.float64)
    z = torch.tensor([[1.0, 1.0], [3.0, 1.0], [0.0, 1.0]])
    expected = torch.tensor([[1.5, 1.5], [3.5, 1.5], [0.5, 1.5]], dtype=torch.float64)
    assert torch.equal(head.logits(theta, z), expected)
    assert head.logits(theta, z).dtype == torch.float64
    # The tie of the first row goes to class 0.
    assert head.accuracy(theta, z, torch.tensor([0, 0, 0])) == pytest.approx(2 / 3)
    assert head.accuracy(theta, z, torch.tensor([1, 1, 1])) == pytest.approx(1 / 3)


def test_ones_are_the_last_column() -> None:
    z = torch.ones(2, 3) * 2
    assert with_ones(z).tolist() == [[2.0, 2.0, 2.0, 1.0]] * 2
    assert with_ones(z, 0.0)[:, -1].tolist() == [0.0, 0.0]
    assert with_ones(z).dtype == torch.float64


def test_single_precision_products_are_close_and_the_head_still_converges() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(200, 12, generator=generator)
    y = torch.randint(4, (200,), generator=generator)
    problem = head.HeadProblem(head.with_ones(z), y, 4, 1e-3)
    theta = head.solve(problem)
    gradient, curvature = problem.gradient(theta)
    assert float(gradient.norm()) <= head.GRADIENT_TOLERANCE
    v = torch.randn(4, 13, generator=generator, dtype=torch.float64)
    rough = curvature.single()(v.float())
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough.double(), curvature(v), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("width", [44, 4])
def test_many_points_have_the_same_head(is_warm: bool, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    z, y, *_ = digits()
    z = z[:, 20 : 20 + width]
    problem = HeadProblem(with_ones(z), y, 10, 1e-3)
    best = head.solve(problem, tol=1e-10)
    start = head.fit(z, (y + (torch.arange(len(y)) < 30)) % 10, 10, 1e-3) if is_warm else None
    passes = []
    monkeypatch.setattr(head, "MANY", 1000)
    monkeypatch.setattr(head, "SAMPLE", 400)
    monkeypatch.setattr(head, "by_class", lambda z, p, row: passes.append(z.shape) or by_class(z, p, row))
    theta = head.fit(z, y, 10, 1e-3, start)
    assert passes == [(min(400, 4 * (width + 1)), width + 1)]
    assert float(problem.gradient(theta)[0].norm()) <= head.GRADIENT_TOLERANCE
    assert problem.objective(theta) == pytest.approx(problem.objective(best), rel=1e-9)
    assert torch.equal(head.logits(theta, z).argmax(1), head.logits(best, z).argmax(1))
    assert torch.equal(theta, head.fit(z, y, 10, 1e-3, start))


def test_wide_features_of_many_points_are_solved_without_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    z, y, *_ = digits(300)
    monkeypatch.setattr(head, "MANY", 100)
    monkeypatch.setattr(head, "SAMPLE", 200)
    monkeypatch.setattr(head, "by_class", lambda *_: pytest.fail("65 squared is more than 8 times 300"))
    problem = HeadProblem(with_ones(z), y, 10, 1e-3)
    theta = head.fit(z, y, 10, 1e-3)
    assert problem.objective(theta) == pytest.approx(problem.objective(head.solve(problem, tol=1e-10)), rel=1e-9)


def test_a_class_that_the_sample_lacks_is_learned_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    z, y, *_ = digits()
    z, y = z[:, 20:30], torch.where(y == 9, 8, y)
    rows = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    y[rows[-5:]] = 9
    monkeypatch.setattr(head, "MANY", 1000)
    monkeypatch.setattr(head, "SAMPLE", 400)
    problem = HeadProblem(with_ones(z), y, 10, 1e-3)
    theta = head.fit(z, y, 10, 1e-3)
    assert float(problem.gradient(theta)[0].norm()) <= head.GRADIENT_TOLERANCE
    assert problem.objective(theta) == pytest.approx(problem.objective(head.solve(problem, tol=1e-10)), rel=1e-9)


def test_a_place_knows_value_gradient_and_curvature_of_its_head() -> None:
    problem, theta, v = small(), normal(4, 7, seed=1), normal(4, 7, seed=2)
    place = problem.at(theta)
    assert place.value == problem.objective(theta)
    assert torch.equal(place.gradient, problem.gradient(theta)[0])
    assert torch.equal(place.curvature(v), problem.gradient(theta)[1](v))
    kept = replace(problem, z_single=problem.z.float()).at(theta).curvature.single()
    assert torch.equal(kept(v.float()), place.curvature.single()(v.float()))
