"""Noise: random pixels under the labels of the rule, the control for every attack on the pixels."""

from typing import TYPE_CHECKING, Literal

from core.attacks.record import AttackRecord
from core.spec.models import AttackSettings

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class Noise(AttackSettings):
    """Random pixels under the labels of the label rule: the control."""

    name: Literal["noise"] = "noise"


def run(settings: Noise, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Uniform noise within δ of the base images, or in [0, 1].

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    import torch

    from core.attacks.algorithms.base import Draft

    base = scene.images[plan.base]
    generator = torch.Generator().manual_seed(plan.seed)
    uniform = torch.rand(base.shape, generator=generator).to(base.device)
    delta = plan.feasible.delta
    return Draft(x=uniform if delta is None else plan.feasible.pixels(base + delta * (2 * uniform - 1), base))


RECORD = AttackRecord(
    settings=Noise,
    title="Noise",
    family="baseline",
    rank=2,
    stages=(),
    makes_images=True,
    report_steps=lambda spec: [
        "Draw random pixels, within δ of base images where the constraint asks for it: what the labels alone do."
    ],
    outcome="Random pixels under wrong labels; nothing is optimised.",
    run=run,
)
