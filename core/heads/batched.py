"""Batched training of many heads: the problem of `core.heads.logistic` for many training sets at once.

The sets share their features and differ in labels, or consist of different points. Each head takes its own steps and
leaves the batch when its gradient is small, so that it equals the result of `core.heads.logistic.fit`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from core.heads.logistic import GRADIENT_TOLERANCE, NotConverged, with_ones
from core.system.numbers import counted

CHUNK_NUMBERS = 2_000_000
"""Logits in memory at once, which limits the heads in a batch; a few tens of megabytes fit the CPU's cache."""
MAX_NEWTON_STEPS = 200
MAX_CG_STEPS = 500
HALVINGS = 30


@dataclass(frozen=True)
class Points(ABC):
    """Features of B training sets, with the two products that training needs.

    Arrays (·, ·, c) of per-point values have the heads in dimension `heads` and the points in dimension `points`.

    Attributes:
        z: float64 features with ones, in the shape that the subclass names.
        single: the same in float32.
    """

    z: Tensor
    single: Tensor
    heads: ClassVar[int]
    points: ClassVar[int]

    def like(self, other: Tensor) -> Tensor:
        """The features (shape of `z`) in the precision of another tensor of any shape."""
        return self.z if other.dtype == self.z.dtype else self.single

    @abstractmethod
    def logits(self, theta: Tensor) -> Tensor:
        """Logits (·, ·, c) of heads theta (B, c, d + 1), in the precision of theta."""

    @abstractmethod
    def transposed(self, u: Tensor) -> Tensor:
        """(B, c, d + 1): for each head, the sum over its points of u ⊗ z, for u (·, ·, c)."""

    @abstractmethod
    def of(self, heads: Tensor) -> "Points":
        """The features of some heads, given their indices (k,) int64."""

    def broadcast(self, values: Tensor) -> Tensor:
        """One number for each head (B,), shaped to broadcast against arrays (·, ·, c)."""
        return values[None, :, None] if self.heads else values[:, None, None]


class SharedPoints(Points):
    """The same points for all heads: z (N, d + 1). Arrays are (N, B, c)."""

    heads = 1
    points = 0

    def logits(self, theta: Tensor) -> Tensor:
        """Logits (N, B, c) of heads theta (B, c, d + 1), by one product."""
        return (self.like(theta) @ theta.flatten(0, 1).T).view(-1, *theta.shape[:2])

    def transposed(self, u: Tensor) -> Tensor:
        """(B, c, d + 1) sums of u ⊗ z for u (N, B, c), by one product."""
        return (u.flatten(1).T @ self.like(u)).view(*u.shape[1:], -1)

    def of(self, heads: Tensor) -> "SharedPoints":
        """Itself, whichever heads (k,) are left."""
        return self


class SeparatePoints(Points):
    """Different points for each head: z (B, N, d + 1). Arrays are (B, N, c)."""

    heads = 0
    points = 1

    def logits(self, theta: Tensor) -> Tensor:
        """Logits (B, N, c) of heads theta (B, c, d + 1), by one batched product."""
        return self.like(theta) @ theta.mT

    def transposed(self, u: Tensor) -> Tensor:
        """(B, c, d + 1) sums of u ⊗ z for u (B, N, c), by one batched product."""
        return u.mT @ self.like(u)

    def of(self, heads: Tensor) -> "SeparatePoints":
        """The points of some heads, given their indices (k,) int64."""
        return SeparatePoints(self.z[heads], self.single[heads])


@dataclass(frozen=True)
class Problems:
    """The objectives F of B training sets.

    Attributes:
        points: the features.
        y: labels, (N, B) for shared points and (B, N) for separate ones.
        weight: weight of each point in its head's mean, in the shape of y; 0 for padding, None for equal weights.
        count: (B,) number of points of each head.
        row: (d + 1,) ridge of every column.
    """

    points: Points
    y: Tensor
    weight: Tensor | None
    count: Tensor
    row: Tensor

    def of(self, heads: Tensor) -> "Problems":
        """The problems of some heads, given their indices (k,) int64."""
        pick = (slice(None), heads) if self.points.heads else (heads,)
        weight = None if self.weight is None else self.weight[pick]
        return Problems(self.points.of(heads), self.y[pick], weight, self.count[heads], self.row)

    def weighted(self, u: Tensor) -> Tensor:
        """An array (·, ·, c) times each point's weight in the mean, in place."""
        if self.weight is None:
            return u.div_(self.points.broadcast(self.count).to(u))
        return u.mul_(self.weight.unsqueeze(-1).to(u))

    def values(self, theta: Tensor, logits: Tensor) -> Tensor:
        """(B,) F of heads theta (B, c, d + 1) with logits (·, ·, c)."""
        loss = logits.logsumexp(2) - logits.gather(2, self.y.unsqueeze(-1)).squeeze(-1)
        mean = self.weighted(loss.unsqueeze(2)).sum((self.points.points, 2))
        return mean + 0.5 * (self.row * theta.square()).sum((1, 2))

    def gradients(self, theta: Tensor, p: Tensor) -> Tensor:
        """(B, c, d + 1) gradients of F at theta (B, c, d + 1) with probabilities p (·, ·, c), which are kept."""
        errors = p.scatter_add(2, self.y.unsqueeze(-1), p.new_full((*self.y.shape, 1), -1.0))
        return self.points.transposed(self.weighted(errors)) + self.row * theta

    def curvature(self, p: Tensor, v: Tensor) -> Tensor:
        """(B, c, d + 1) Hessians at probabilities p (·, ·, c) times directions v (B, c, d + 1)."""
        u = self.points.logits(v)
        u -= (p * u).sum(2, keepdim=True)
        return self.points.transposed(self.weighted(u.mul_(p))) + self.row.to(v) * v


def fit_many(
    z: Tensor,
    y: Tensor,
    n_classes: int,
    ridge: float,
    *,
    count: Tensor | None = None,
    start: Tensor | None = None,
    tol: float = GRADIENT_TOLERANCE,
) -> Tensor:
    """The converged heads (B, c, d + 1) of B training sets.

    Args:
        z: (N, d) features that all sets share, or (B, N, d).
        y: (B, N) labels in [0, n_classes).
        n_classes: c.
        ridge: λ, more than 0.
        count: (B,) size of each set, whose points are the first ones of its N; None: all N.
        start: (c, d + 1) initial head of all sets.
        tol: bound on the norm of each gradient.

    Raises:
        NotConverged: a gradient is still larger.
    """
    batch = max(1, CHUNK_NUMBERS // (y.shape[1] * n_classes))
    shared = _shared(with_ones(z)) if z.dim() == 2 else None
    heads = []
    for rows in torch.split(torch.arange(len(y), device=y.device), batch):
        points = shared or _separate(z[rows])
        problems = _problems(points, y[rows], None if count is None else count[rows], ridge)
        theta = y.new_zeros(len(rows), n_classes, z.shape[-1] + 1, dtype=torch.float64)
        heads.append(solve_many(problems, theta if start is None else theta + start, tol=tol))
    return torch.cat(heads)


def _shared(z: Tensor) -> SharedPoints:
    return SharedPoints(z, z.float())


def _separate(z: Tensor) -> SeparatePoints:
    z = torch.stack([with_ones(points) for points in z])
    return SeparatePoints(z, z.float())


def _problems(points: Points, y: Tensor, count: Tensor | None, ridge: float) -> Problems:
    row = points.z.new_full((points.z.shape[-1],), ridge)
    row[-1] = 0.0
    if count is None:
        counted, weight = points.z.new_full((len(y),), y.shape[1]), None
    else:
        # The head of a set without points is all zeros.
        counted = count.double().clamp_min(1.0)
        weight = (torch.arange(y.shape[1], device=y.device) < count[:, None]) / counted[:, None]
    if points.heads:
        y, weight = y.T.contiguous(), None if weight is None else weight.T.contiguous()
    return Problems(points, y, weight, counted, row)


def solve_many(problems: Problems, theta: Tensor, *, tol: float) -> Tensor:
    """The optimal heads (B, c, d + 1), by Newton's method with conjugate gradients and backtracking.

    Args:
        problems: of B training sets.
        theta: (B, c, d + 1) initial heads.
        tol: bound on the norm of each gradient.

    Raises:
        NotConverged: a gradient's norm is still larger than `tol` after `MAX_NEWTON_STEPS` steps.
    """
    optima = theta.clone()
    left = torch.arange(len(theta), device=theta.device)
    logits = problems.points.logits(theta)
    value = problems.values(theta, logits)
    for _ in range(MAX_NEWTON_STEPS):
        p = logits.softmax(2)
        gradient = problems.gradients(theta, p)
        norm = gradient.flatten(1).norm(dim=1)
        unsolved = norm > tol
        if not bool(unsolved.all()):
            optima[left[~unsolved]] = theta[~unsolved]
            if not bool(unsolved.any()):
                return optima
            rows = torch.nonzero(unsolved).flatten()
            left, theta, gradient, norm, value = left[rows], theta[rows], gradient[rows], norm[rows], value[rows]
            p = p.index_select(problems.points.heads, rows)
            problems = problems.of(rows)
        step = _directions(problems, p.float(), gradient.float(), torch.clamp(norm.sqrt(), max=0.1)).double()
        theta, logits, value = _line_search(problems, theta, step, (gradient * step).sum((1, 2)), value)
    raise NotConverged(
        f"{counted(len(left), 'head')} did not converge: gradient norm {float(norm.max()):.1e} after "
        f"{MAX_NEWTON_STEPS} steps. Use a larger ridge λ."
    )


def _directions(problems: Problems, p: Tensor, gradient: Tensor, forcing: Tensor) -> Tensor:
    """(B, c, d + 1) Newton directions, by conjugate gradients to a relative residual of `forcing` (B,)."""
    x, r = torch.zeros_like(gradient), -gradient
    direction, rr = r.clone(), r.square().sum((1, 2))
    target = forcing.to(rr).square() * rr
    for _ in range(MAX_CG_STEPS):
        if bool((rr <= target).all()):
            break
        product = problems.curvature(p, direction)
        curvature = (direction * product).sum((1, 2))
        # A head that has converged, or is numerically flat along its direction, waits for the others.
        active = (rr > target) & (curvature > 0)
        if not bool(active.any()):
            break
        length = torch.where(active, rr / curvature.clamp_min(1e-30), 0.0)[:, None, None]
        x += length * direction
        r -= length * product
        new = r.square().sum((1, 2))
        ratio = torch.where(active, new / rr.clamp_min(1e-30), 0.0)
        rr = torch.where(active, new, torch.where(rr > target, 0.0, rr))
        direction = torch.where(active[:, None, None], r + ratio[:, None, None] * direction, direction)
    return x


def _line_search(
    problems: Problems, theta: Tensor, step: Tensor, slope: Tensor, value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Heads, their logits and values after a step that is halved where it would not decrease the value."""
    length = torch.ones_like(value)
    for _ in range(HALVINGS):
        trial = theta + length[:, None, None] * step
        logits = problems.points.logits(trial)
        values = problems.values(trial, logits)
        # Near the optimum the decrease is below float64's resolution of F: accept what does not rise.
        falls = values <= value + 1e-4 * length * slope + 1e-14 * value.abs()
        if bool(falls.all()):
            break
        length = torch.where(falls, length, length / 2)
    return trial, logits, values
