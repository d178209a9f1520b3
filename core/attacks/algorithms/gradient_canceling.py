"""Gradient Canceling (arXiv 2303.03592) in feature space, towards GradPC target parameters.

Poison makes given parameters w the head's optimum if it cancels the gradient there:

    residual(z_p) = g_clean(w) + eps g_poison(w; z_p) + (1 + eps) ridge w,     g: mean gradients,

over ALL head parameters, biases included (which carry no ridge). The clean term never changes and is
computed once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.implicit import (
    Failing,
    Forward,
    Show,
    identity_forward,
    no_failures,
    pullback,
    show_features,
)
from core.attacks.algorithms.least import Least
from core.attacks.parts.settings import RADII
from core.heads import logistic as head
from core.heads.conjugate import ASKED_EVERY
from core.spec.events import Event, Observer, Snapshot, for_target, part_of, silent

TARGET_STEPS = 20
ADAM_STEP = 0.1
REPORT_EVERY = 25


def gradpc_target(scene: Scene, radius: float, observe: Observer = silent) -> Tensor:
    """Target parameters (c, d + 1) by GradPC: ascent of the training loss from the clean head (Sun et al. 2020).

    Args:
        scene: what the attacker knows.
        radius: largest Euclidean distance from the clean head.
        observe: receives the progress.
    """
    theta = scene.clean_head
    for step in range(TARGET_STEPS):
        observe(Event("target", step, TARGET_STEPS, snapshot=partial(Snapshot, theta)))
        gradient = scene.problem.loss_gradient(theta)
        moved = theta + (2.0 * radius / TARGET_STEPS) * gradient / gradient.norm().clamp_min(1e-30)
        offset = moved - scene.clean_head
        # A number divided by a tensor would be the product with its reciprocal, and differ in last digits.
        share = offset.new_full((), radius) / offset.norm().clamp_min(1e-30)
        theta = scene.clean_head + offset * share.clamp_max(1.0)
    observe(Event("target", TARGET_STEPS, TARGET_STEPS, {"radius": radius}, snapshot=partial(Snapshot, theta)))
    return theta


def targets(scene: Scene, target: str, radius: float, observe: Observer) -> list[Tensor]:
    """Stage 1: a list of target parameters, (c, d + 1) each.

    Args:
        scene: what the attacker knows.
        target: "gradpc" for one target, "search" for one target for each of `RADII`.
        radius: of "gradpc".
        observe: receives the progress.
    """
    radii = RADII if target == "search" else (radius,)
    return [gradpc_target(scene, r, part_of(for_target(observe, i), i, len(radii))) for i, r in enumerate(radii)]


@dataclass(frozen=True)
class Canceling:
    """The residual of one target as a function of the poison, with its constant term precomputed.

    Attributes:
        theta: (c, d + 1) target parameters.
        constant: (c, d + 1), g_clean + (1 + eps) ridge w.
        y: (m,) labels of the poison.
        epsilon: m / n.
        ones: factor of the bias: 1, or 0 for a head without bias.
    """

    theta: Tensor
    constant: Tensor
    y: Tensor
    epsilon: float
    ones: float = 1.0

    @classmethod
    def prepare(cls, problem: head.HeadProblem, theta: Tensor, y: Tensor, epsilon: float | None = None) -> "Canceling":
        """Precompute the constant term.

        Args:
            problem: the defender's problem on the clean training set.
            theta: (c, d + 1) target parameters.
            y: (m,) labels of the poison.
            epsilon: weight of the poison, for samples that represent many copies; None: m / n.
        """
        weight = len(y) / len(problem.y) if epsilon is None else epsilon
        gradient, _ = problem.gradient(theta)
        constant = gradient + weight * problem.ridge_row * theta
        return cls(theta, constant, y, weight, float(problem.z[0, -1]))

    def residual(self, zeta: Tensor, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The residual (c, d + 1), and the negative gradient (m, d) of half its square with respect to zeta (m, d).

        Args:
            zeta: (m, d) poisoned features.
            out: (m, d) buffer for the negative gradient.
        """
        p = torch.softmax(head.logits(self.theta, zeta, self.ones), dim=1)
        errors = head.errors(p, self.y)
        weight = self.epsilon / len(self.y)
        residual = self.constant.clone()
        residual[:, :-1].addmm_(errors.T, zeta, alpha=weight)
        residual[:, -1] += weight * self.ones * errors.sum(0)
        return residual, pullback(self.theta, zeta, p, self.y, residual, -weight, self.ones, out)

    def minimise(
        self,
        descent: Ascent,
        steps: int,
        forward: Forward = identity_forward,
        *,
        stage: str = "stage2",
        every: int = REPORT_EVERY,
        observe: Observer = silent,
        show: Show = show_features,
        failing: Failing = no_failures,
    ) -> Tensor:
        """The poison with the smallest residual; stops when it no longer decreases.

        If some samples fail the filter, only the iterates with the fewest failures count.

        Args:
            descent: the initial poison (m, d) or (m, C, H, W), and the constraint.
            steps: maximum number of steps.
            forward: from the poison to its features (m, d), with the map from gradients in them to those in the poison.
            stage, every: the stage that is reported, and the steps between two reports, more where a GPU would wait.
            observe: receives the progress.
            show: takes a snapshot of the poison for observers.
            failing: how many samples fail the filter.

        Returns:
            The poison, in the shape of `descent.x`.
        """
        best, mark = Least(descent.x), float("inf")
        every = max(every, ASKED_EVERY[descent.x.device.type])
        buffer: Tensor | None = None
        for step in range(steps + 1):
            features, pull = forward(descent.x)
            residual, buffer = self.residual(features.double(), buffer)
            best.add(descent.x, features, failing(features), residual.norm())
            if step % every == 0 or step == steps:
                observe(Event(stage, step, steps, {"residual": best.norm}, partial(show, best.x, best.z)))
            if step % REPORT_EVERY == 0:
                least = best.norm
                if least < 1e-10 or (step >= 8 * REPORT_EVERY and least > mark * (1 - 1e-6)):
                    break
                mark = least
            if step < steps:
                descent.step(pull(buffer))
        return best.x


def cancel(scene: Scene, plan: Plan, theta: Tensor, steps: int, observe: Observer) -> Tensor:
    """Poisoned features (m, d) that cancel the gradient at a target as far as the constraint allows.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        theta: (c, d + 1) target parameters.
        steps: maximum number of steps.
        observe: receives the progress.
    """
    canceling = Canceling.prepare(scene.problem, theta, plan.y)
    descent = Ascent(scene.z[plan.base].double(), ADAM_STEP, steps, plan.features_)
    return canceling.minimise(descent, steps, observe=observe)


def cancel_on_pixels(
    scene: Scene, plan: Plan, canvas: Canvas, theta: Tensor, steps: int, lr: float, observe: Observer
) -> Tensor:
    """Images (m, C, H, W) that cancel the gradient at a target as far as the constraint allows.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        canvas: the base images, from which the descent starts.
        theta: (c, d + 1) target parameters.
        steps: of projected Adam.
        lr: its step size, for pixels in [0, 1].
        observe: receives the progress.
    """
    canceling = Canceling.prepare(scene.problem, theta, plan.y)
    descent = Ascent(canvas.base, lr, steps, canvas.project)
    return canceling.minimise(
        descent,
        steps,
        canvas.forward,
        stage="pixels",
        every=1,
        observe=observe,
        show=canvas.show,
        failing=canvas.failing,
    )


def gc_features(
    scene: Scene, plan: Plan, target: str, radius: float, steps: int, observe: Observer
) -> tuple[Tensor, Tensor]:
    """Stages 1 and 2 of the feature-targeted attack.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        target: "gradpc" for one radius; "search" to keep the radius whose retrained head has the lowest training
            accuracy.
        radius: of "gradpc".
        steps: maximum number of steps of stage 2, for each target.
        observe: receives the progress.

    Returns:
        Target parameters (c, d + 1) and poisoned features (m, d).
    """
    candidates = targets(scene, target, radius, observe)
    return search(scene, plan, candidates, observe, lambda theta, part: cancel(scene, plan, theta, steps, part))


def search(
    scene: Scene,
    plan: Plan,
    candidates: list[Tensor],
    observe: Observer,
    make: Callable[[Tensor, Observer], Tensor],
    forward: Forward = identity_forward,
) -> tuple[Tensor, Tensor]:
    """Make poison for each target, and keep the one with the lowest `accuracy_after`.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        candidates: target parameters, (c, d + 1) each.
        observe: receives the progress.
        make: makes the poison, (m, d) or (m, C, H, W), for one target.
        forward: from the poison to its features (m, d).

    Returns:
        The target (c, d + 1) and its poison.
    """
    results = []
    for i, theta in enumerate(candidates):
        poison = make(theta, part_of(for_target(observe, i), i, len(candidates)))
        results.append((accuracy_after(scene, plan, forward(poison)[0]) if len(candidates) > 1 else 0.0, i, poison))
    _, best, poison = min(results, key=lambda result: result[:2])
    return candidates[best], poison


def accuracy_after(scene: Scene, plan: Plan, features: Tensor) -> float:
    """Training accuracy of the head retrained with the poison, which a search minimises.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        features: (m, d) of the poisoned samples.
    """
    return head.accuracy(scene.retrained(features, plan.y), scene.z, scene.y)
