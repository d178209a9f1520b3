"""Which parameters a budget of poison can reach at all: the poisonability threshold.

Poison at budget eps makes given parameters w the head's optimum only if it cancels the gradient there. In the
direction of w itself, one poisoned point can cancel at most W0((c - 1) / e), W0 being the Lambert W function:

    -<w, grad CE(w; z, y)> <= max_t t (c - 1) / (exp(t) + c - 1) = W0((c - 1) / e),

whatever its features and its label (Lu et al. 2023, arXiv 2303.03592). The ridge term is ours. The threshold
is necessary; for two classes and free features it is sufficient too.
"""

import math

from scipy.special import lambertw
from torch import Tensor


def reach(n_classes: int) -> float:
    """W0((c - 1) / e): the most that one poisoned point can cancel in the direction of the parameters."""
    return float(lambertw((n_classes - 1) / math.e).real)


def threshold(theta: Tensor, gradient: Tensor, n_classes: int, ridge: float = 0.0) -> float:
    """tau: the smallest budget at which poison could make theta the optimum; infinite if none could.

    Args:
        theta: (c, d + 1) target parameters; the last column, the biases, carries no ridge.
        gradient: (c, d + 1) mean gradient of the clean loss at theta, WITHOUT the ridge's own.
        ridge: of the head.
    """
    decay = ridge * float(theta[:, :-1].square().sum())
    left = reach(n_classes) - decay
    if left <= 0:
        return math.inf
    return max(0.0, float((theta * gradient).sum()) + decay) / left


def least_residual(theta: Tensor, gradient: Tensor, epsilon: float, n_classes: int, ridge: float = 0.0) -> float:
    """A lower bound on the norm of the residual at budget epsilon: exact for two classes, no bias, free features.

    Arguments as for `threshold`. It is 0 from the threshold on.
    """
    decay = ridge * float(theta[:, :-1].square().sum())
    inner = float((theta * gradient).sum()) + (1 + epsilon) * decay
    return max(0.0, (inner - epsilon * reach(n_classes)) / float(theta.norm()))
