"""The parameters that poison of a given budget can reach: the poisonability threshold.

Poison at budget eps makes given parameters w the head's optimum only if it cancels the gradient there. In the
direction of w itself, one poisoned point can cancel at most W0((c - 1) / e), W0 being the Lambert W function:

    -<w, grad CE(w; z, y)> <= max_t t (c - 1) / (exp(t) + c - 1) = W0((c - 1) / e),

whatever its features and its label (Lu et al. 2023, arXiv 2303.03592). The ridge term is ours. The threshold
is necessary; for two classes and free features it is sufficient too.
"""

import math

import torch
from scipy.special import lambertw
from torch import Tensor

from core.heads import logistic as head
from core.heads.adam import Adam
from core.heads.scores import Reachability

BUDGETS = tuple(10 ** (k / 10) for k in range(-30, 11))
"""Budgets at which the lower bound of the residual is computed: 0.001 to 10."""
CERTIFICATE_STEPS = 100


def reachability(
    problem: head.HeadProblem, theta: Tensor, budget: float, residual: float, box: tuple[Tensor, Tensor] | None
) -> Reachability:
    """The reachability of target parameters.

    Args:
        problem: of the clean training set.
        theta: (c, d + 1) target parameters.
        budget: epsilon.
        residual: norm of the residual that the run's poison leaves at the target.
        box: (d,) lowest and (d,) highest value of each feature, or None if features are free.
    """
    gradient = problem.loss_gradient(theta)
    c, ridge = problem.n_classes, problem.ridge
    taus = [threshold(theta, gradient, c, r) for r in (0.0, ridge)]
    return Reachability(
        budget=budget,
        tau=_finite(taus[0]),
        tau_ridge=_finite(taus[1]),
        certificate=None if box is None else _finite(certificate(theta, gradient, *box, ridge)),
        residual=residual,
        floor=[(epsilon, least_residual(theta, gradient, epsilon, c, ridge)) for epsilon in BUDGETS],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def reach(n_classes: int) -> float:
    """W0((c - 1) / e): the most that one poisoned point can cancel in the direction of the parameters."""
    return float(lambertw((n_classes - 1) / math.e).real)


def threshold(theta: Tensor, gradient: Tensor, n_classes: int, ridge: float = 0.0) -> float:
    """tau: the smallest budget at which poison could make theta the optimum; infinite if none could.

    Args:
        theta: (c, d + 1) target parameters; the last column, the biases, carries no ridge.
        gradient: (c, d + 1) mean gradient of the clean loss at theta, WITHOUT the ridge term.
        n_classes: c.
        ridge: λ of the head.
    """
    decay = ridge * float(theta[:, :-1].square().sum())
    left = reach(n_classes) - decay
    if left <= 0:
        return math.inf
    return max(0.0, float((theta * gradient).sum()) + decay) / left


def least_residual(theta: Tensor, gradient: Tensor, epsilon: float, n_classes: int, ridge: float = 0.0) -> float:
    """A lower bound on the norm of the residual at budget epsilon: exact for two classes, no bias, free features.

    It is 0 from the threshold on.

    Args:
        theta, gradient: (c, d + 1) each, see `threshold`.
        epsilon: the budget.
        n_classes: c.
        ridge: λ of the head.
    """
    decay = ridge * float(theta[:, :-1].square().sum())
    inner = float((theta * gradient).sum()) + (1 + epsilon) * decay
    # At theta = 0, as without any spread of the features, the inequality says nothing: the bound is 0.
    return max(0.0, (inner - epsilon * reach(n_classes)) / max(float(theta.norm()), 1e-30))


def certificate(theta: Tensor, gradient: Tensor, low: Tensor, high: Tensor, ridge: float) -> float:
    """A budget below which no poison inside a box of features makes theta the optimum (ours); infinite if none does.

    For any direction V, poison at budget eps can cancel at most eps sup <V, -g(z, y)>, and with p the head's
    probabilities -<V, g(z, y)> = <V_y - sum_k p_k V_k, z1> is at most the largest <V_y - V_k, z1> over the box. So
    eps >= <V, g + ridge W> / (that - ridge <V, W>). Gradient steps search for the best V; the bound holds for any.

    Args:
        theta, gradient: (c, d + 1) each, see `threshold`.
        low, high: (d,) bounds of the features of poisoned samples.
        ridge: λ of the head.
    """
    weights = torch.cat([theta[:, :-1], torch.zeros_like(theta[:, -1:])], dim=1)
    total = gradient + ridge * weights
    lowest, highest = (torch.cat([side.to(theta), theta.new_ones(1)]) for side in (low, high))
    direction = (total / total.norm().clamp_min(1e-30)).detach().requires_grad_()
    optimiser, lr = Adam([direction]), 1e-2 / math.sqrt(direction.numel())
    best = 0.0
    for _ in range(CERTIFICATE_STEPS):
        between = direction[:, None] - direction[None, :]
        reachable = (between.clamp_min(0) @ highest + between.clamp_max(0) @ lowest).max()
        needed = (direction * total).sum()
        left = reachable - ridge * (direction * weights).sum()
        if left.item() <= 0:
            return math.inf if needed.item() > 0 else best
        ratio = needed / left
        best = max(best, ratio.item())
        optimiser.step(torch.autograd.grad(-ratio, direction), lr)
    return best
