"""Attacks on the pixels themselves, with no detour through features: TGDA, Gradient Canceling, unlearnable
examples (Lu et al. 2024, section 3), and noise as their control."""

from functools import partial

import torch
from torch import Tensor

from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.canvas import Canvas
from core.attacks.gradient_canceling import Canceling, search, targets
from core.attacks.implicit import Ascent, Damage, maximise
from core.heads import logistic as head
from core.spec.events import Event, Observer
from core.spec.experiment import GCInput, TGDAInput, UEInput

DAMPING = 1e-2
"""Of the implicit system on pixels: images reach less than free features, and overfit the training points sooner."""
UE_STEP = 0.8 / 255
"""Length of one sign step of unlearnable examples (Huang et al. 2021)."""


def climb(scene: Scene, plan: Plan, canvas: Canvas, x: Tensor, steps: int, lr: float, observe: Observer) -> Tensor:
    """Images (m, C, H, W) by total gradient ascent: the head's implicit gradient, pulled back through f."""
    damage, ascent = Damage(scene, plan.y), Ascent(x, lr, steps, canvas.project)
    return maximise(
        damage,
        ascent,
        steps,
        canvas.forward,
        stage="pixels",
        damping=DAMPING,
        observe=observe,
        show=canvas.show,
        failing=canvas.failing,
    )


class TGDAInputAttack(Attack):
    """Total gradient ascent on the pixels (arXiv 2204.09092), with the follower at its optimum."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Start from the base images."""
        settings = self.spec.attack
        assert isinstance(settings, TGDAInput)
        canvas = Canvas(scene.pipeline, scene.images[plan.base], plan.feasible, plan.y)
        return Draft(x=climb(scene, plan, canvas, canvas.base, settings.steps, settings.lr, observe))


class GCInputAttack(Attack):
    """Gradient Canceling on the pixels (arXiv 2303.03592), towards GradPC target parameters."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Of the radii, keep the one whose retrained head is worst on the training set."""
        settings = self.spec.attack
        assert isinstance(settings, GCInput)
        canvas = Canvas(scene.pipeline, scene.images[plan.base], plan.feasible, plan.y)
        tried = targets(scene, settings.target, settings.radius, observe)

        def cancel(theta: Tensor, observe: Observer) -> Tensor:
            canceling = Canceling.prepare(scene.problem, theta, plan.y)
            descent = Ascent(canvas.base, settings.lr, settings.steps, canvas.project)
            return canceling.minimise(
                descent,
                settings.steps,
                canvas.forward,
                stage="pixels",
                every=1,
                observe=observe,
                show=canvas.show,
                failing=canvas.failing,
            )

        theta, x = search(scene, plan, tried, observe, cancel, canvas.forward)
        return Draft(target=theta, x=x)


class UEInputAttack(Attack):
    """Unlearnable examples (error-minimising noise, Huang et al. 2021) on the added points, with f frozen.

    min over w, min over the images, of the training loss: the images become easy for the head. In the product
    because it teaches that this does next to nothing to a head on frozen features.
    """

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Sign steps on the pixels in turn with the head's optimum."""
        settings = self.spec.attack
        assert isinstance(settings, UEInput)
        canvas = Canvas(scene.pipeline, scene.images[plan.base], plan.feasible, plan.y)
        x, theta = canvas.base, scene.clean_head
        for step in range(settings.steps + 1):
            features, pull = canvas.forward(x)
            theta = scene.retrained(features, plan.y, theta)
            logits = head.logits(theta, features)
            loss = torch.nn.functional.cross_entropy(logits, plan.y)
            values = {"loss": float(loss), "train_accuracy": head.accuracy(theta, scene.z, scene.y)}
            observe(Event("pixels", step, settings.steps, values, partial(canvas.show, x, features, theta)))
            if step < settings.steps:
                downhill = -head.errors(torch.softmax(logits, 1), plan.y) @ theta[:, :-1]
                x = canvas.project(x + UE_STEP * pull(downhill).sign())
        return Draft(x=x)


class NoiseAttack(Attack):
    """Random pixels: uniform within δ of the base image, or anywhere in [0, 1]."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Nothing to optimise."""
        base = scene.images[plan.base]
        generator = torch.Generator().manual_seed(self.spec.seed)
        uniform = torch.rand(base.shape, generator=generator).to(base.device)
        delta = plan.feasible.delta
        return Draft(x=uniform if delta is None else plan.feasible.pixels(base + delta * (2 * uniform - 1), base))
