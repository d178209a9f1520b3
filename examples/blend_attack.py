"""A plug-in with an attack: training images blended towards an image of another class.

    python -m core run --plugin examples/blend_attack.py --attack blend --set share=0.6 --out runs/blend

docs/extending.md walks through this file.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.record import AttackRecord, Explanation, Stage
from core.spec.models import AttackSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer, Snapshot

INTERFACE = 1
STEPS = 4


class Blend(AttackSettings):
    """Images blended towards an image of another class."""

    name: Literal["blend"] = "blend"
    share: float = Field(0.5, gt=0, lt=1, title="Share", description="How much of the other image is in the blend.")


def run(settings: Blend, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Blend each base image, little by little, with the training image of another class with the nearest features."""
    from functools import partial

    import torch

    from core.attacks.algorithms.base import Draft
    from core.spec.events import Event, Snapshot

    base = scene.images[plan.base]
    distance = torch.cdist(scene.z[plan.base], scene.z)
    distance[scene.y[plan.base][:, None] == scene.y[None, :]] = torch.inf
    other = scene.images[distance.argmin(1)]

    def show(images: "Tensor") -> "Snapshot":
        return Snapshot(z=scene.features(images), x=images)

    for step in range(STEPS + 1):
        share = settings.share * step / STEPS
        images = plan.feasible.pixels((1 - share) * base + share * other, base)
        observe(Event("pixels", step, STEPS, {"blended": share}, partial(show, images)))
    return Draft(x=images)


RECORD = AttackRecord(
    settings=Blend,
    title="Blend",
    family="pixels",
    stages=(
        Stage(
            "pixels",
            explain=lambda settings: Explanation(
                r"x_j = (1 - a)\, x_{\mathrm{base}} + a\, x_{\mathrm{other}}",
                "**Blend**: each base image is mixed with the nearest image of another class.",
            ),
            work=lambda settings, load: load.n_poison * load.extraction,
            by_extractor=True,
        ),
    ),
    makes_images=True,
    report_steps=lambda spec: ["Blend training images with the nearest images of other classes."],
    run=run,
)
