"""The total gradient of the damage with respect to poisoned features, through the converged head.

The attacker maximises an outer loss L(theta*) over poison z_p, where theta* minimises the defender's
F(theta; z_p). By the implicit function theorem

    dL/dz_p = -(1/N) d/dz_p <q, grad_theta CE(theta*; z_p, y_p)>,    (H + damping I) q = grad_theta L(theta*),

with H the Hessian of F at theta*, used only in products. (TGDA, arXiv 2204.09092, with the follower's
gradient steps replaced by its optimum.)

Without damping this is the exact gradient. Damping turns the ascent away from directions of theta with little
curvature: there the attack would only undo what the head has memorised, which costs training accuracy but not
test accuracy (ours).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.evasion import TOLERANCE
from core.attacks.algorithms.outer import ALIKE, Outer
from core.heads import logistic as head
from core.spec.events import Event, Observer, Snapshot

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
        scale: factor of the result.
        ones: factor of the bias, see `core.heads.logistic.with_ones`.
        out: (m, d) buffer for the result.

    Returns:
        (m, d).
    """
    u = head.logits(direction, zeta, ones)
    u = p * (u - (p * u).sum(1, keepdim=True))
    left = torch.cat([head.errors(p, y), u], dim=1)
    return torch.mm(left, scale * torch.cat([direction, theta])[:, :-1], out=out)


@dataclass(frozen=True)
class Probe:
    """The effect of one set of poisoned features on the head.

    Attributes:
        theta: (c, d + 1) converged head of the clean training set with the poison.
        train_accuracy: on the clean training points.
        damage: the outer loss on them.
        gradient: (m, d) gradient of the outer loss with respect to the poisoned features.
    """

    theta: Tensor
    train_accuracy: float
    damage: float
    gradient: Tensor


class Damage:
    """Evaluates poisoned features repeatedly for one clean training set, warm-starting every solve."""

    def __init__(self, scene: Scene, poison_y: Tensor, outer: Outer = ALIKE) -> None:
        """Prepare for poison with labels `poison_y` (m,), and for an outer loss."""
        self.outer = outer
        self.n = len(scene.y)
        self.y = scene.y
        self.poison_y = poison_y
        z1 = head.with_ones(torch.cat([scene.z, scene.z.new_zeros(len(poison_y), scene.z.shape[1])]))
        y = torch.cat([scene.y, poison_y])
        self.problem = head.HeadProblem(z1, y, scene.n_classes, scene.ridge, z1.float())
        self.theta = scene.clean_head
        self.q: Tensor | None = None

    def relabel(self, poison_y: Tensor) -> None:
        """Give the poison other labels (m,); the next solves still start from the last ones."""
        self.poison_y = poison_y
        self.problem = replace(self.problem, y=torch.cat([self.y, poison_y]))

    def probe(self, zeta: Tensor, *, tol: float = 5e-4, cg_tol: float = 1e-2, damping: float = DAMPING) -> Probe:
        """Solve the head for poisoned features, and differentiate the damage through it.

        Args:
            zeta: (m, d) poisoned features.
            tol: tolerance of the head's gradient norm.
            cg_tol: relative tolerance of the implicit system.
            damping: added to the Hessian.
        """
        z1, single, n = self.problem.z, self.problem.z_single, self.n
        assert single is not None
        z1[n:, :-1] = zeta
        single[n:, :-1] = zeta  # kept beside: a copy of all of it in every step would cost as much as a product
        solved = head.solved(self.problem, self.theta, tol=tol)
        self.theta, logits = solved.theta, solved.logits[:n]
        accuracy = float(logits.argmax(1).eq(self.y).double().mean())
        loss, outer = self.outer(logits, z1[:n], self.y)
        curvature = solved.curvature
        if cg_tol > SINGLE_TOLERANCE:
            curvature, outer = curvature.single(), outer.float()
        start = None if self.q is None else self.q.to(outer.dtype)
        self.q = head.conjugate_gradients(lambda v: curvature(v) + damping * v, outer, tol=cg_tol, start=start)
        poison = z1[n:, :-1]
        p = torch.softmax(head.logits(self.theta, poison), dim=1)
        gradient = pullback(self.theta, poison, p, self.poison_y, self.q.double(), -1 / len(z1))
        return Probe(self.theta, accuracy, float(loss), gradient)


def clean_response(scene: Scene, damping: float = DAMPING, outer: Outer = ALIKE) -> tuple[Tensor, Tensor]:
    """q (c, d + 1) of the module's docstring at the clean head, and the probabilities (n, c) of the training points.

    Args:
        scene: what the attacker knows.
        damping: added to the Hessian.
        outer: the outer loss.
    """
    place = scene.problem.at(scene.clean_head)
    _, gradient = outer(place.logits, scene.problem.z, scene.y)
    curvature = place.curvature
    return head.conjugate_gradients(lambda v: curvature(v) + damping * v, gradient, tol=1e-6), place.p


def influences(theta: Tensor, q: Tensor, z: Tensor) -> Tensor:
    """The influence of points under every label, in closed form: (N, c) values s_y - <p, s> with s = q z.

    To first order, adding a point (z, y) to N points changes the outer loss by its influence / (N + 1), plus a term
    that is the same for all points, as each one rescales the mean: differences between points are what it tells.

    Args:
        theta: (c, d + 1) head at its optimum.
        q: (c, d + 1), see the module's docstring.
        z: (N, d) features.
    """
    s = head.logits(q, z)
    return s - (torch.softmax(head.logits(theta, z), dim=1) * s).sum(1, keepdim=True)


def influential(scene: Scene, plan: Plan) -> Plan:
    """The same plan with the m base points that increase the damage most when added unchanged under their labels.

    To first order, adding a point increases the outer loss by -<q, grad CE> / N (its influence). Under the random label
    rule a point has no fixed label, and the plan is unchanged.
    """
    if bool((plan.label_for < 0).any()):
        return plan
    q, p = clean_response(scene)
    influence = -((scene.problem.z @ q.T) * head.errors(p, plan.label_for)).sum(1)
    if (filter_ := plan.feasible.filter) is not None:  # points that fail rank below all that pass, by their excess
        excess = filter_.clean.gather(1, plan.label_for[:, None]).squeeze(1)
        influence = torch.where(excess > TOLERANCE, influence.min() - excess, influence)
    base = influence.topk(plan.n_poison).indices
    return replace(plan, base=base, y=plan.label_for[base])


Pull = Callable[[Tensor], Tensor]
"""From an ascent direction in features (m, d) to one in the poison, (m, d) or (m, C, H, W)."""
Forward = Callable[[Tensor], tuple[Tensor, Pull]]
"""From poison to its features (m, d), with the map that pulls directions back to the poison."""


def identity_forward(zeta: Tensor) -> tuple[Tensor, Pull]:
    """The `Forward` of poison that consists of features (m, d)."""
    return zeta, lambda gradient: gradient


Show = Callable[..., Snapshot]
"""From poison, its features (m, d) and, if known, a head (c, d + 1) close to the retrained one, to a `Snapshot`."""


def show_features(zeta: Tensor, _: Tensor, theta: Tensor | None = None) -> Snapshot:
    """The `Show` of poison that consists of features.

    Args:
        zeta: (m, d) features.
        _: the same.
        theta: (c, d + 1) head.
    """
    return Snapshot(theta, zeta)


Failing = Callable[[Tensor], int]
"""How many poisoned samples, of features (m, d), fail the filter; attacks keep the iterate with the fewest."""


def no_failures(_: Tensor) -> int:
    """The `Failing` of poison whose features (m, d) are projected onto the feasible set at every step."""
    return 0


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
    """Maximise the damage that poison does to the converged head.

    Args:
        damage: evaluates the poison.
        ascent: the poison, features (m, d) or images (m, C, H, W), and its optimiser.
        steps: number of steps.
        forward: from the poison to its features (m, d).
        stage: the stage that is reported.
        damping: of the implicit system.
        observe: receives the progress.
        show: takes a snapshot of the poison for observers.
        failing: how many samples fail the filter.

    Returns:
        Of the iterates with the fewest failures, the one with the lowest accuracy on the clean TRAINING set, as the
        attacker has no test set; in the shape of `ascent.x`.
    """
    best, lowest, snapshot = ascent.x, (float("inf"), float("inf")), partial(show, ascent.x, ascent.x)
    for step in range(steps + 1):
        features, pull = forward(ascent.x)
        probe = damage.probe(features.double(), damping=damping)
        if (rank := (failing(features), probe.train_accuracy)) < lowest:
            best, lowest = ascent.x.clone(), rank
            snapshot = partial(show, best, features, probe.theta)
        values = {"train_accuracy": probe.train_accuracy, "damage": probe.damage}
        observe(Event(stage, step, steps, values, snapshot))
        if step < steps:
            ascent.step(pull(probe.gradient))
    return best
