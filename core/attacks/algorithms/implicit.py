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
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.evasion import TOLERANCE
from core.heads import logistic as head
from core.spec.events import Event, Observer, Snapshot

SHARPNESS = 2.0
"""How much steeper than the head's own probabilities the outer loss is: nearer to the 0-1 loss it stands for."""
SINGLE_TOLERANCE = 1e-5
"""Looser solves of the implicit system are done in float32."""
DAMPING = 3e-3
"""Added to H, whose curvature is of order 1 for features of norm about 3."""


def pullback(
    theta: Tensor,
    zeta: Tensor,
    p: Tensor,
    y: Tensor,
    direction: Tensor,
    scale: float = 1.0,
    ones: float = 1.0,
    out: Tensor | None = None,
) -> Tensor:
    """`scale` times d/dz of sum_i <direction, grad_theta CE(theta; z_i, y_i)>, in two matrix products.

    Args:
        theta: (c, d + 1) head.
        zeta: (m, d) features.
        p: (m, c) probabilities that theta gives them.
        y: (m,) labels.
        direction: (c, d + 1).
        ones: what the bias multiplies.
        out: where the result goes.

    Returns:
        (m, d).
    """
    u = head.logits(direction, zeta, ones)
    u = p * (u - (p * u).sum(1, keepdim=True))
    left = torch.cat([head.errors(p, y), u], dim=1)
    return torch.mm(left, scale * torch.cat([direction, theta])[:, :-1], out=out)


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

    def __init__(self, scene: Scene, poison_y: Tensor) -> None:
        """Keep what never changes; `poison_y` (m,) are the labels of the poison."""
        self.n = len(scene.y)
        self.y = scene.y
        self.poison_y = poison_y
        self.z1 = head.with_ones(torch.cat([scene.z, scene.z.new_zeros(len(poison_y), scene.z.shape[1])]))
        self.problem = head.HeadProblem(self.z1, torch.cat([scene.y, poison_y]), scene.n_classes, scene.ridge)
        self.theta = scene.clean_head
        self.q: Tensor | None = None

    def probe(self, zeta: Tensor, *, tol: float = 5e-4, cg_tol: float = 1e-2, damping: float = DAMPING) -> Probe:
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
        poison = self.z1[self.n :, :-1]
        p = torch.softmax(head.logits(self.theta, poison), dim=1)
        gradient = pullback(self.theta, poison, p, self.poison_y, self.q.double(), -1 / len(self.z1))
        return Probe(self.theta, accuracy, float(loss), gradient)


def influential(scene: Scene, plan: Plan) -> Plan:
    """The same plan on the m base points that, added as they are under their labels, raise the damage most.

    To first order, adding a point raises the outer loss by -<q, grad CE> / N (its influence). Where any wrong label
    will do there is no one label to judge a point by, and the plan stays.
    """
    if bool((plan.label_for < 0).any()):
        return plan
    z1 = scene.problem.z
    _, outer = damage(scene.clean_head, z1, scene.y)
    _, curvature = scene.problem.gradient(scene.clean_head)
    q = head.conjugate_gradients(lambda v: curvature(v) + DAMPING * v, outer, tol=1e-6)
    influence = -((z1 @ q.T) * head.errors(curvature.p, plan.label_for)).sum(1)
    if (filter_ := plan.feasible.filter) is not None:  # below all that pass, those that fail by how much they do
        excess = filter_.clean.gather(1, plan.label_for[:, None]).squeeze(1)
        influence = torch.where(excess > TOLERANCE, influence.min() - excess, influence)
    base = influence.topk(plan.n_poison).indices
    return replace(plan, base=base, y=plan.label_for[base])


Pull = Callable[[Tensor], Tensor]
"""From an ascent direction in features (m, d) to one in the poison that has them."""
Forward = Callable[[Tensor], tuple[Tensor, Pull]]
"""From poison to its features (m, d) and the pull of directions in them."""


def identity_forward(zeta: Tensor) -> tuple[Tensor, Pull]:
    """The `Forward` of poison that is features itself."""
    return zeta, lambda gradient: gradient


Show = Callable[..., Snapshot]
"""From poison, its features (m, d) and, where one is known, a head near the one retrained with it, to a `Snapshot`."""


def show_features(zeta: Tensor, _: Tensor, theta: Tensor | None = None) -> Snapshot:
    """The `Show` of poison that is features itself."""
    return Snapshot(theta, zeta)


Failing = Callable[[Tensor], int]
"""How many poisons of features (m, d) fail the filter: what an attack keeps has as few of them as it has seen."""


def no_failures(_: Tensor) -> int:
    """The `Failing` of poison that is feasible at every step."""
    return 0


class Ascent:
    """Projected Adam, ascending, with a cosine-decayed step, on a tensor of poisoned features or pixels.

    Attributes:
        x: the iterate, moved in place.
    """

    def __init__(self, start: Tensor, lr: float, steps: int, project: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        """Begin at the projected `start`; the step falls from `lr` to a tenth of it in `steps` steps.

        Args:
            project: to what is allowed; it may work in place.
        """
        self.x = project(start.detach().clone())
        self._project = project
        # Gradients of the head are tiny, and Adam's usual epsilon would drown them.
        self._adam = torch.optim.Adam([self.x], lr=lr, betas=(0.9, 0.99), eps=1e-30, maximize=True, fused=True)
        self._decay = torch.optim.lr_scheduler.CosineAnnealingLR(self._adam, T_max=max(1, steps), eta_min=0.1 * lr)

    def step(self, gradient: Tensor) -> None:
        """Move along the gradient, and back to what is allowed."""
        self.x.grad = gradient
        self._adam.step()
        self._decay.step()
        allowed = self._project(self.x)
        if allowed is not self.x:
            self.x.copy_(allowed)


def maximise(
    damage: Damage,
    ascent: Ascent,
    steps: int,
    forward: Forward = identity_forward,
    *,
    stage: str,
    damping: float,
    observe: Observer,
    show: Show = show_features,
    failing: Failing = no_failures,
) -> Tensor:
    """Climb the damage that poison does to the converged head.

    Args:
        ascent: the poison, be it features or pixels.
        forward: from the poison to its features.
        stage: under which name progress is told.
        show: what observers are shown of the poison so far.

    Returns:
        Of the iterates of which fewest fail, the one that leaves the lowest accuracy on the clean TRAINING set: the
        attacker has no test set.
    """
    best, lowest, so_far = ascent.x, (float("inf"), float("inf")), partial(show, ascent.x, ascent.x)
    for step in range(steps + 1):
        features, pull = forward(ascent.x)
        probe = damage.probe(features.double(), damping=damping)
        if (rank := (failing(features), probe.train_accuracy)) < lowest:
            best, lowest = ascent.x.clone(), rank
            so_far = partial(show, best, features, probe.theta)
        values = {"train_accuracy": probe.train_accuracy, "damage": probe.damage}
        observe(Event(stage, step, steps, values, so_far))
        if step < steps:
            ascent.step(pull(probe.gradient))
    return best
