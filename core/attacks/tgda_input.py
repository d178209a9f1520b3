"""TGDA on the pixels: total gradient ascent through the extractor and the converged head (arXiv 2204.09092)."""

from typing import TYPE_CHECKING, Literal

from core.attacks.parts.settings import PixelSettings
from core.attacks.parts.stages import ASCENT_TEXT, TOTAL_GRADIENT_ASCENT_ON_PIXELS
from core.attacks.record import AttackRecord, Stage

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class TGDAInput(PixelSettings):
    """Total gradient ascent on the pixels, through the extractor and the converged head."""

    name: Literal["tgda-input"] = "tgda-input"


def run(settings: TGDAInput, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Optimise pixels, starting from the base images, with the head at its optimum.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.ascent_on_pixels import ascend
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.canvas import Canvas

    canvas = Canvas.of(scene, plan)
    return Draft(x=ascend(scene, plan, canvas, canvas.base, settings.steps, settings.lr, observe))


RECORD = AttackRecord(
    settings=TGDAInput,
    title="TGDA, pixels",
    family="pixels",
    rank=1,
    stages=(
        Stage(
            "pixels",
            explain=lambda settings: TOTAL_GRADIENT_ASCENT_ON_PIXELS,
            work=lambda settings, load: settings.steps * (load.image_step + load.head_step),
            by_extractor=True,
        ),
    ),
    makes_images=True,
    report_steps=lambda spec: [f"Take the pixels of training images, and, through the extractor, {ASCENT_TEXT}."],
    run=run,
)
