"""The defender's head: multinomial logistic regression on frozen features, solved to convergence.

A head is one tensor theta (c, d + 1): weights and, in the last column, biases. With Z the features (N, d)
and a column of ones appended, the defender minimises

    F(theta) = (1/N) sum_i CE(theta z_i, y_i) + (ridge / 2) ||W||^2

where the biases are not regularised. F is convex, and strictly so in W: its optimum is what an attack's
result is measured on. Float64 throughout; scikit-learn's LogisticRegression with C = 1 / (N ridge) is the
same problem.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from core.heads.conjugate import by_class, conjugate_gradients
from core.system.errors import PoisonLabError

__all__ = ["conjugate_gradients"]

GRADIENT_TOLERANCE = 1e-6
MANY = 16_384
"""Number of points from which a CPU solves a head in another way: from the head of a sample, with a preconditioner."""
SAMPLE = 8_192
_SAMPLE_TOLERANCE = 1e-3
_CLOSE = 0.3
"""Share of the tolerance that the last step for many points aims at."""


class NotConverged(PoisonLabError):
    """The solver stopped before the gradient was small; the head's accuracy must not be shown."""


def with_ones(z: Tensor, ones: float = 1.0) -> Tensor:
    """Features (N, d) in float64 with a column of ones: (N, d + 1). With `ones` = 0 the head has no bias."""
    z1 = torch.empty(len(z), z.shape[1] + 1, dtype=torch.float64, device=z.device)
    z1[:, :-1], z1[:, -1] = z, ones
    return z1


def errors(p: Tensor, y: Tensor) -> Tensor:
    """p - onehot(y), (N, c), for p (N, c) and y (N,): the gradient of the cross-entropy with respect to the logits."""
    return p.scatter_add(1, y[:, None], p.new_full((len(y), 1), -1.0))


@dataclass(frozen=True)
class Curvature:
    """The Hessian of F at one theta as products with directions, in the precision of its tensors.

    Attributes:
        z: (N, d + 1) features with ones.
        p: (N, c) probabilities.
        ridge: (d + 1,) ridge of every column.
        z_single: z in float32, if it is at hand.
    """

    z: Tensor
    p: Tensor
    ridge: Tensor
    z_single: Tensor | None = None

    def __call__(self, v: Tensor) -> Tensor:
        """H v for a direction v (c, d + 1)."""
        u = self.z @ v.T
        u = self.p * (u - (self.p * u).sum(1, keepdim=True))
        return u.T @ self.z / len(self.z) + self.ridge * v

    def single(self) -> "Curvature":
        """The same in float32, at half the cost: enough for search directions, as convergence is checked in float64."""
        z = self.z.float() if self.z_single is None else self.z_single
        return Curvature(z, self.p.float(), self.ridge.float())


@dataclass(frozen=True)
class HeadProblem:
    """F for one training set.

    Attributes:
        z: (N, d + 1) float64 features with ones, from `with_ones`.
        y: (N,) int64 labels in [0, c).
        n_classes: c.
        ridge: λ, more than 0.
        z_single: z in float32; None: made for every solve. Whoever changes z in place changes it too.
    """

    z: Tensor
    y: Tensor
    n_classes: int
    ridge: float
    z_single: Tensor | None = None

    @cached_property
    def ridge_row(self) -> Tensor:
        """(d + 1,) ridge of every column: λ, and 0 for the bias."""
        row = torch.full((self.z.shape[1],), self.ridge, dtype=self.z.dtype, device=self.z.device)
        row[-1] = 0.0
        return row

    def zero(self) -> Tensor:
        """The initial head: (c, d + 1) zeros."""
        return self.z.new_zeros(self.n_classes, self.z.shape[1])

    def at(self, theta: Tensor) -> "Place":
        """F around a head (c, d + 1)."""
        return Place(self, theta)

    def objective(self, theta: Tensor) -> float:
        """F(theta) of a head (c, d + 1)."""
        return self.at(theta).value

    def gradient(self, theta: Tensor) -> tuple[Tensor, Curvature]:
        """The gradient (c, d + 1) of F at theta (c, d + 1), and its Hessian there."""
        place = self.at(theta)
        return place.gradient, place.curvature

    def loss_gradient(self, theta: Tensor) -> Tensor:
        """The gradient (c, d + 1) of the mean cross-entropy alone, without the ridge term, at theta (c, d + 1)."""
        return errors(torch.softmax(self.z @ theta.T, dim=1), self.y).T @ self.z / len(self.z)


@dataclass(frozen=True)
class Place:
    """F around one head. What is asked for is computed once, from the same logits.

    Attributes:
        problem: whose F it is; its features must not change meanwhile.
        theta: (c, d + 1) the head.
    """

    problem: HeadProblem
    theta: Tensor

    @cached_property
    def logits(self) -> Tensor:
        """(N, c) logits of the training set."""
        return self.problem.z @ self.theta.T

    @cached_property
    def p(self) -> Tensor:
        """(N, c) probabilities."""
        return torch.softmax(self.logits, dim=1)

    @cached_property
    def value(self) -> float:
        """F."""
        loss = torch.nn.functional.cross_entropy(self.logits, self.problem.y)
        return float(loss + 0.5 * (self.problem.ridge_row * self.theta.square()).sum())

    @cached_property
    def gradient(self) -> Tensor:
        """(c, d + 1) gradient of F."""
        z, row = self.problem.z, self.problem.ridge_row
        return errors(self.p, self.problem.y).T @ z / len(z) + row * self.theta

    @property
    def curvature(self) -> Curvature:
        """The Hessian of F."""
        return Curvature(self.problem.z, self.p, self.problem.ridge_row, self.problem.z_single)


def solve(
    problem: HeadProblem,
    start: Tensor | None = None,
    *,
    tol: float = GRADIENT_TOLERANCE,
    max_iter: int = 200,
) -> Tensor:
    """The optimal head (c, d + 1); see `solved`.

    Args:
        problem, start, tol, max_iter: see `solved`.

    Raises:
        NotConverged: see `solved`.
    """
    return solved(problem, start, tol=tol, max_iter=max_iter).theta


def solved(
    problem: HeadProblem,
    start: Tensor | None = None,
    *,
    tol: float = GRADIENT_TOLERANCE,
    max_iter: int = 200,
    precondition: Callable[[Tensor], Tensor] | None = None,
    floor: float = 0.0,
) -> Place:
    """F around its optimum, by Newton's method with conjugate gradients and backtracking.

    Args:
        problem: the training set and its ridge.
        start: (c, d + 1) initial head, e.g. of a slightly different training set.
        tol: bound on the Euclidean norm of F's gradient.
        max_iter: maximum number of Newton steps.
        precondition: approximate inverse of the Hessian, in float32.
        floor: norm of the gradient below which no step needs to aim.

    Raises:
        NotConverged: the gradient is still larger than `tol` after `max_iter` steps.
    """
    if problem.z_single is None:
        problem = replace(problem, z_single=problem.z.float())
    here = problem.at(problem.zero() if start is None else start.clone())
    for _ in range(max_iter):
        norm = float(here.gradient.norm())
        if norm <= tol:
            return here
        forcing = min(0.1, max(norm**0.5, floor / norm))
        step = conjugate_gradients(
            here.curvature.single(), -here.gradient.float(), tol=forcing, precondition=precondition
        ).double()
        slope = float(torch.sum(here.gradient * step))
        length = 1.0
        for _ in range(30):
            there = problem.at(here.theta + length * step)
            # Near the optimum the decrease is below float64's resolution of F: accept what does not rise.
            if there.value <= here.value + 1e-4 * length * slope + 1e-14 * abs(here.value):
                break
            length /= 2
        here = there
    norm = float(here.gradient.norm())
    if norm <= tol:
        return here
    raise NotConverged(
        f"The head did not converge: gradient norm {norm:.1e} after {max_iter} steps. Use a larger ridge λ."
    )


def fit(z: Tensor, y: Tensor, n_classes: int, ridge: float, start: Tensor | None = None) -> Tensor:
    """The converged head (c, d + 1) of a training set.

    Args:
        z: (N, d) features.
        y: (N,) labels in [0, n_classes).
        n_classes: c.
        ridge: λ, more than 0.
        start: (c, d + 1) initial head.

    Raises:
        NotConverged: see `solve`.
    """
    problem = HeadProblem(with_ones(z), y, n_classes, ridge)
    if len(z) < MANY or z.device.type != "cpu":
        return solve(problem, start)
    return _solve_many(problem, start)


def _solve_many(problem: HeadProblem, start: Tensor | None) -> Tensor:
    """The optimal head (c, d + 1) of so many points that passes over all of them are what takes time."""
    problem = replace(problem, z_single=problem.z.float())
    rows = torch.randperm(len(problem.z), generator=torch.Generator().manual_seed(0))[:SAMPLE]
    z, width = problem.z[rows], problem.z.shape[1]
    sample = HeadProblem(z, problem.y[rows], problem.n_classes, problem.ridge)
    if start is None:
        start = solve(sample, tol=_SAMPLE_TOLERANCE)
    precondition = None
    if width**2 <= 8 * len(problem.z):  # else the blocks cost more than the iterations that they save
        few = z[: 4 * width].float()
        precondition = by_class(few, torch.softmax(few @ start.T.float(), dim=1), problem.ridge_row)
    floor = _CLOSE * GRADIENT_TOLERANCE
    return solved(problem, start, precondition=precondition, floor=floor).theta


def logits(theta: Tensor, z: Tensor, ones: float = 1.0) -> Tensor:
    """(N, c) float64 logits.

    Args:
        theta: (c, d + 1) head.
        z: (N, d) features.
        ones: factor of the bias, see `with_ones`.
    """
    return torch.addmm(theta[:, -1], z.double(), theta[:, :-1].T, beta=ones)


def accuracy(theta: Tensor, z: Tensor, y: Tensor) -> float:
    """Accuracy in [0, 1] of a head.

    Args:
        theta: (c, d + 1) head.
        z: (N, d) features.
        y: (N,) labels.
    """
    return float(logits(theta, z).argmax(1).eq(y).double().mean())
