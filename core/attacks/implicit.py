"""The total gradient of the damage with respect to poisoned features, through the converged head.

The attacker maximises an outer loss L(theta*) over poison z_p, where theta* minimises the defender's
F(theta; z_p). By the implicit function theorem

    dL/dz_p = -(1/N) d/dz_p <q, grad_theta CE(theta*; z_p, y_p)>,    (H + damping I) q = grad_theta L(theta*),

with H the Hessian of F at theta*, touched only by products. (TGDA, arXiv 2204.09092, with the follower's
gradient steps replaced by its optimum.)

Without damping this is the exact gradient. Damping turns the ascent away from directions of theta that few
training points bend: there the attack would only spoil what the head has memorised, which costs training
accuracy and leaves the test accuracy alone (ours).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core import head
from core.attacks.base import Plan, Scene

SHARPNESS = 2.0
"""How much steeper than the head's own probabilities the outer loss is: nearer to the 0-1 loss it stands for."""
SINGLE_TOLERANCE = 1e-5
"""Looser solves of the implicit system are done in float32."""
DAMPING = 3e-3
"""Added to H, whose curvature is of order 1 for features of norm about 3."""


def pullback(theta: Tensor, z1: Tensor, y: Tensor, direction: Tensor) -> Tensor:
    """d/dz of sum_i <direction, grad_theta CE(theta; z_i, y_i)>.

    Args:
        theta: (c, d + 1) head.
        z1: (m, d + 1) features with ones.
        y: (m,) labels.
        direction: (c, d + 1).

    Returns:
        (m, d).
    """
    p = torch.softmax(z1 @ theta.T, dim=1)
    residual = p.clone()
    residual[torch.arange(len(y), device=y.device), y] -= 1.0
    u = z1 @ direction.T
    u = p * (u - (p * u).sum(1, keepdim=True))
    return residual @ direction[:, :-1] + u @ theta[:, :-1]


def damage(theta: Tensor, z1: Tensor, y: Tensor, sharpness: float = SHARPNESS) -> tuple[Tensor, Tensor]:
    """The outer loss, mean probability of not choosing the true class, and its gradient in theta (c, d + 1).

    It saturates, so that points already lost stop pulling: with sharpness s it is the mean of
    1 - softmax(s theta z)_y.
    """
    p = torch.softmax(sharpness * (z1 @ theta.T), dim=1)
    true = p.gather(1, y[:, None])
    residual = p * true
    residual.scatter_add_(1, y[:, None], -true)
    return 1.0 - true.mean(), sharpness * residual.T @ z1 / len(y)


@dataclass(frozen=True)
class Probe:
    """The head of one set of poisoned features and what it does.

    Attributes:
        theta: (c, d + 1) converged head of clean training set and poison.
        train_accuracy: on the clean training points.
        damage: the outer loss on them.
        gradient: (m, d) ascent direction of the outer loss in the poisoned features.
    """

    theta: Tensor
    train_accuracy: float
    damage: float
    gradient: Tensor


class Damage:
    """Evaluates poisoned features again and again for one clean training set, warm-starting every solve."""

    def __init__(self, z: Tensor, y: Tensor, poison_y: Tensor, n_classes: int, ridge: float, start: Tensor) -> None:
        """Keep what never changes.

        Args:
            z, y: clean training features (n, d) and labels (n,).
            poison_y: (m,) labels of the poison.
            n_classes, ridge: of the head.
            start: (c, d + 1) the clean head.
        """
        self.n = len(y)
        self.y = y
        self.poison_y = poison_y
        self.z1 = head.with_ones(torch.cat([z, z.new_zeros(len(poison_y), z.shape[1])]))
        self.problem = head.HeadProblem(self.z1, torch.cat([y, poison_y]), n_classes, ridge)
        self.theta = start
        self.q: Tensor | None = None

    def probe(self, zeta: Tensor, *, tol: float = 1e-5, cg_tol: float = 1e-2, damping: float = DAMPING) -> Probe:
        """Solve the head for poisoned features (m, d), and differentiate the damage through it."""
        self.z1[self.n :, :-1] = zeta
        self.theta = head.solve(self.problem, self.theta, tol=tol)
        clean = self.z1[: self.n]
        accuracy = float((clean @ self.theta.T).argmax(1).eq(self.y).double().mean())
        loss, outer = damage(self.theta, clean, self.y)
        _, curvature = self.problem.gradient(self.theta)
        if cg_tol > SINGLE_TOLERANCE:
            curvature, outer = curvature.single(), outer.float()
        start = None if self.q is None else self.q.to(outer.dtype)
        self.q = head.conjugate_gradients(lambda v: curvature(v) + damping * v, outer, tol=cg_tol, start=start)
        gradient = -pullback(self.theta, self.z1[self.n :], self.poison_y, self.q.double()) / len(self.z1)
        return Probe(self.theta, accuracy, float(loss), gradient)


def influential(scene: Scene, plan: Plan) -> Plan:
    """The same plan on the m base points that, added as they are under their labels, raise the damage most.

    To first order, adding a point raises the outer loss by -<q, grad CE> / N (its influence). Where any wrong label
    will do there is no one label to judge a point by, and the plan stays.
    """
    if bool((plan.label_for < 0).any()):
        return plan
    z1 = head.with_ones(scene.z)
    problem = head.HeadProblem(z1, scene.y, scene.n_classes, scene.ridge)
    _, outer = damage(scene.clean_head, z1, scene.y)
    _, curvature = problem.gradient(scene.clean_head)
    q = head.conjugate_gradients(lambda v: curvature(v) + DAMPING * v, outer, tol=1e-6)
    residual = torch.softmax(z1 @ scene.clean_head.T, dim=1)
    residual[torch.arange(len(z1), device=z1.device), plan.label_for] -= 1.0
    influence = -((z1 @ q.T) * residual).sum(1)
    base = influence.topk(plan.n_poison).indices
    return replace(plan, base=base, y=plan.label_for[base])


class Ascent:
    """Adam, ascending, on a tensor of poisoned features or pixels, with a cosine-decayed step."""

    def __init__(self, lr: float, steps: int, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.lr, self.steps, self.betas = lr, steps, betas
        self.k = 0
        self.first: Tensor | None = None
        self.second: Tensor | None = None

    def __call__(self, x: Tensor, gradient: Tensor, project: Callable[[Tensor], Tensor]) -> Tensor:
        """The next, projected iterate."""
        a, b = self.betas
        first = torch.zeros_like(gradient) if self.first is None else self.first
        second = torch.zeros_like(gradient) if self.second is None else self.second
        self.first = a * first + (1 - a) * gradient
        self.second = b * second + (1 - b) * gradient.square()
        decay = 0.1 + 0.9 * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * self.k / self.steps))))
        self.k += 1
        scale = (self.second / (1 - b**self.k)).sqrt() + 1e-30
        return project(x + self.lr * decay * (self.first / (1 - a**self.k)) / scale)
