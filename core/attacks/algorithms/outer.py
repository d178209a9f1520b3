"""The outer loss: what the attacker raises on the clean training points, and how much each of them counts.

It is the mean probability of not predicting the true class. The attacker knows the points of the training set alone,
which the head has partly learnt by heart; what it tears down there does not carry over to other points. Under
`by_leverage` (ours) a point counts the less, the more of what the head says about it is its own doing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.attacks.algorithms.base import Scene
from core.attacks.parts.settings import LEVERAGE_POWER, OuterName
from core.heads import logistic as head

SHARPNESS = 2.0
"""Factor of the logits in the outer loss, which makes it closer to the 0-1 loss that it stands for."""
LEVERAGE_SHARPNESS = 2.4
"""The same where points count by leverage: more of it fits the training set too closely where they all count alike."""
LEVERAGE_DAMPING = 1e-3
"""Of the implicit system where points count by leverage: what is memorised is held off by the weights already."""
BIAS_RIDGE = 1e-9


@dataclass(frozen=True)
class Outer:
    """The outer loss.

    Attributes:
        sharpness: factor s of the logits.
        weights: (N,) how much each point counts, with mean 1; None: all alike.
    """

    sharpness: float = SHARPNESS
    weights: Tensor | None = None

    def __call__(self, logits: Tensor, z1: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and its gradient (c, d + 1) in the head theta.

        It is the mean of 1 - softmax(s theta z)_y, which saturates: points that are already misclassified stop
        contributing.

        Args:
            logits: (N, c) of a head theta (c, d + 1).
            z1: (N, d + 1) features with ones.
            y: (N,) labels.
        """
        p = torch.softmax(self.sharpness * logits, dim=1)
        true = p.gather(1, y[:, None])
        residual = p * true
        residual.scatter_add_(1, y[:, None], -true)
        if self.weights is None:
            return 1.0 - true.mean(), self.sharpness * residual.T @ z1 / len(y)
        loss = (self.weights * (1.0 - true[:, 0])).mean()
        return loss, self.sharpness * (residual * self.weights[:, None]).T @ z1 / len(y)

    def accuracy(self, logits: Tensor, y: Tensor) -> float:
        """The accuracy of logits (N, c) on points with labels y (N,), which count as in the loss."""
        right = logits.argmax(1).eq(y).double()
        return float(right.mean() if self.weights is None else (self.weights * right).mean())


ALIKE = Outer()
"""The outer loss in which all points count alike."""


def by_leverage(scene: Scene) -> Outer:
    """The outer loss in which a training point of leverage h counts (1 - h)^`LEVERAGE_POWER`, see `leverages`."""
    weights = (1.0 - leverages(scene.problem, scene.clean_head)) ** LEVERAGE_POWER
    return Outer(LEVERAGE_SHARPNESS, weights / weights.mean())


def outer_of(name: OuterName, scene: Scene, damping: float) -> tuple[Outer, float]:
    """The outer loss of this name, and the damping that goes with it.

    Args:
        name: of the loss.
        scene: what the attacker knows.
        damping: where points count alike.
    """
    return (by_leverage(scene), LEVERAGE_DAMPING) if name == "leverage" else (ALIKE, damping)


def leverages(problem: head.HeadProblem, theta: Tensor) -> Tensor:
    """How much of what the head says about each point is that point's own doing: (N,) leverages in [0, 1).

    They are the diagonal of the hat matrix of logistic regression (Pregibon 1981) of right against wrong, with the
    ridge: h_i = v_i z_i' (sum_j v_j z_j z_j' + N ridge)^-1 z_i with v = p (1 - p), where p is the probability of a
    point's label.

    Args:
        problem: the training set of N points.
        theta: (c, d + 1) its converged head.
    """
    z = problem.z
    p = problem.at(theta).p.gather(1, problem.y[:, None])
    v = p * (1.0 - p)
    curvature = (z * v).T @ z
    # The bias has no ridge, and might have no curvature either.
    curvature.diagonal().add_(len(z) * problem.ridge_row.clamp_min(BIAS_RIDGE))
    half = torch.linalg.solve_triangular(torch.linalg.cholesky(curvature), z.T, upper=False)
    leverage: Tensor = v[:, 0] * half.square().sum(0)
    return leverage
