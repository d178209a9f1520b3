"""Many heads at once: the problem of `core.heads.logistic` for many training sets, solved as one batch.

The sets are either other labels on the same features, or other points altogether. Each head takes its own steps and
leaves the batch when its gradient is small, so that it is the same head as `core.heads.logistic.fit` finds.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from core.heads.logistic import GRADIENT_TOLERANCE, NotConverged, with_ones

CHUNK_NUMBERS = 2_000_000
"""Logits held at once: of more heads, as many are solved at a time; a few tens of megabytes stay in the cache."""
MAX_NEWTON_STEPS = 200
MAX_CG_STEPS = 500
HALVINGS = 30


@dataclass(frozen=True)
class Points(ABC):
    """Features of B training sets, as the two products that a head needs.

    Arrays (·, ·, c) have the heads in dimension `heads` and the points in dimension `points`.

    Attributes:
        z: features with ones, float64.
        single: the same in float32.
    """

    z: Tensor
    single: Tensor
    heads: ClassVar[int]
    points: ClassVar[int]

    def like(self, one: Tensor) -> Tensor:
        """The features in the precision of another tensor."""
        return self.z if one.dtype == self.z.dtype else self.single

    @abstractmethod
    def logits(self, theta: Tensor) -> Tensor:
        """Of heads (B, c, d + 1), in the precision of theta."""

    @abstractmethod
    def back(self, u: Tensor) -> Tensor:
        """(B, c, d + 1): of each head, the sum over its points of u ⊗ z."""

    @abstractmethod
    def of(self, heads: Tensor) -> "Points":
        """The same for some heads."""

    def spread(self, one: Tensor) -> Tensor:
        """A number for each head (B,), shaped for arrays (·, ·, c)."""
        return one[None, :, None] if self.heads else one[:, None, None]


class Shared(Points):
    """The same points for all heads: z (N, d + 1). Arrays are (N, B, c)."""

    heads = 1
    points = 0

    def logits(self, theta: Tensor) -> Tensor:
        """One product for all heads."""
        return (self.like(theta) @ theta.flatten(0, 1).T).view(-1, *theta.shape[:2])

    def back(self, u: Tensor) -> Tensor:
        """One product for all heads."""
        return (u.flatten(1).T @ self.like(u)).view(*u.shape[1:], -1)

    def of(self, heads: Tensor) -> "Shared":
        """The points are everyone's."""
        return self


class Own(Points):
    """Other points for each head: z (B, N, d + 1). Arrays are (B, N, c)."""

    heads = 0
    points = 1

    def logits(self, theta: Tensor) -> Tensor:
        """One batched product."""
        return self.like(theta) @ theta.mT

    def back(self, u: Tensor) -> Tensor:
        """One batched product."""
        return u.mT @ self.like(u)

    def of(self, heads: Tensor) -> "Own":
        """Theirs alone."""
        return Own(self.z[heads], self.single[heads])


@dataclass(frozen=True)
class Problems:
    """F of B training sets.

    Attributes:
        at: the features.
        y: labels, in the shape of a per-point array without the classes.
        weight: of each point in its head's mean, 0 of what only fills up; None where all points count the same.
        count: points of each head, (B,).
        row: (d + 1,) ridge of every column.
    """

    at: Points
    y: Tensor
    weight: Tensor | None
    count: Tensor
    row: Tensor

    def of(self, heads: Tensor) -> "Problems":
        """The problems of some heads."""
        pick = (slice(None), heads) if self.at.heads else (heads,)
        weight = None if self.weight is None else self.weight[pick]
        return Problems(self.at.of(heads), self.y[pick], weight, self.count[heads], self.row)

    def weighted(self, u: Tensor) -> Tensor:
        """An array (·, ·, c) times each point's weight in the mean."""
        if self.weight is None:
            return u.div_(self.at.spread(self.count).to(u))
        return u.mul_(self.weight.unsqueeze(-1).to(u))

    def values(self, theta: Tensor, logits: Tensor) -> Tensor:
        """(B,) F of each head."""
        loss = logits.logsumexp(2) - logits.gather(2, self.y.unsqueeze(-1)).squeeze(-1)
        mean = self.weighted(loss.unsqueeze(2)).sum((self.at.points, 2))
        return mean + 0.5 * (self.row * theta.square()).sum((1, 2))

    def gradients(self, theta: Tensor, p: Tensor) -> Tensor:
        """(B, c, d + 1) gradients of F, of probabilities p."""
        errors = p.scatter_add(2, self.y.unsqueeze(-1), p.new_full((*self.y.shape, 1), -1.0))
        return self.at.back(self.weighted(errors)) + self.row * theta

    def curvature(self, p: Tensor, v: Tensor) -> Tensor:
        """(B, c, d + 1) Hessians times directions v."""
        u = self.at.logits(v)
        u -= (p * u).sum(2, keepdim=True)
        return self.at.back(self.weighted(u.mul_(p))) + self.row.to(v) * v


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
        ridge: λ, more than 0.
        count: (B,) how many of its N points each set has, the first ones; None: all.
        start: (c, d + 1) a head to begin at.
        tol: bound on the norm of each gradient.

    Raises:
        NotConverged: a gradient is still larger.
    """
    at_once = max(1, CHUNK_NUMBERS // (y.shape[1] * n_classes))
    shared = _shared(with_ones(z)) if z.dim() == 2 else None
    found = []
    for rows in torch.split(torch.arange(len(y), device=y.device), at_once):
        at = shared or _own(z[rows])
        problems = _problems(at, y[rows], None if count is None else count[rows], ridge)
        theta = y.new_zeros(len(rows), n_classes, z.shape[-1] + 1, dtype=torch.float64)
        found.append(solve_many(problems, theta if start is None else theta + start, tol=tol))
    return torch.cat(found)


def _shared(z: Tensor) -> Shared:
    return Shared(z, z.float())


def _own(z: Tensor) -> Own:
    z = torch.stack([with_ones(one) for one in z])
    return Own(z, z.float())


def _problems(at: Points, y: Tensor, count: Tensor | None, ridge: float) -> Problems:
    row = at.z.new_full((at.z.shape[-1],), ridge)
    row[-1] = 0.0
    if count is None:
        counted, weight = at.z.new_full((len(y),), y.shape[1]), None
    else:
        # A set without points has the head that says nothing.
        counted = count.double().clamp_min(1.0)
        weight = (torch.arange(y.shape[1], device=y.device) < count[:, None]) / counted[:, None]
    if at.heads:
        y, weight = y.T.contiguous(), None if weight is None else weight.T.contiguous()
    return Problems(at, y, weight, counted, row)


def solve_many(problems: Problems, theta: Tensor, *, tol: float) -> Tensor:
    """The optimal heads, by Newton's method with conjugate gradients and backtracking, from theta (B, c, d + 1).

    Raises:
        NotConverged: a gradient's norm is still larger than `tol` after `MAX_NEWTON_STEPS` steps.
    """
    found = theta.clone()
    left = torch.arange(len(theta), device=theta.device)
    logits = problems.at.logits(theta)
    value = problems.values(theta, logits)
    for _ in range(MAX_NEWTON_STEPS):
        p = logits.softmax(2)
        gradient = problems.gradients(theta, p)
        norm = gradient.flatten(1).norm(dim=1)
        open_ = norm > tol
        if not bool(open_.all()):
            found[left[~open_]] = theta[~open_]
            if not bool(open_.any()):
                return found
            here = torch.nonzero(open_).flatten()
            left, theta, gradient, norm, value = left[here], theta[here], gradient[here], norm[here], value[here]
            p = p.index_select(problems.at.heads, here)
            problems = problems.of(here)
        step = _directions(problems, p.float(), gradient.float(), torch.clamp(norm.sqrt(), max=0.1)).double()
        theta, logits, value = _moved(problems, theta, step, (gradient * step).sum((1, 2)), value)
    raise NotConverged(
        f"{len(left)} heads did not converge: gradient norm {float(norm.max()):.1e} after {MAX_NEWTON_STEPS} steps. "
        "Use a larger ridge λ."
    )


def _directions(problems: Problems, p: Tensor, gradient: Tensor, forcing: Tensor) -> Tensor:
    """(B, c, d + 1) Newton's directions, by conjugate gradients to a residual of `forcing` (B,) of the gradient."""
    x, r = torch.zeros_like(gradient), -gradient
    direction, rr = r.clone(), r.square().sum((1, 2))
    target = forcing.to(rr).square() * rr
    for _ in range(MAX_CG_STEPS):
        if bool((rr <= target).all()):
            break
        product = problems.curvature(p, direction)
        bend = (direction * product).sum((1, 2))
        # A head that has enough, or is numerically flat along its direction, waits for the others.
        goes = (rr > target) & (bend > 0)
        if not bool(goes.any()):
            break
        length = torch.where(goes, rr / bend.clamp_min(1e-30), 0.0)[:, None, None]
        x += length * direction
        r -= length * product
        new = r.square().sum((1, 2))
        share = torch.where(goes, new / rr.clamp_min(1e-30), 0.0)
        rr = torch.where(goes, new, torch.where(rr > target, 0.0, rr))
        direction = torch.where(goes[:, None, None], r + share[:, None, None] * direction, direction)
    return x


def _moved(
    problems: Problems, theta: Tensor, step: Tensor, slope: Tensor, value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Heads, their logits and values after a step that is halved for those whose value would not fall."""
    length = torch.ones_like(value)
    for _ in range(HALVINGS):
        trial = theta + length[:, None, None] * step
        logits = problems.at.logits(trial)
        values = problems.values(trial, logits)
        # Near the optimum the decrease is below float64's resolution of F: accept what does not rise.
        falls = values <= value + 1e-4 * length * slope + 1e-14 * value.abs()
        if bool(falls.all()):
            break
        length = torch.where(falls, length, length / 2)
    return trial, logits, values
