"""Gradient Canceling on the pixels (arXiv 2303.03592), towards GradPC target parameters."""

from typing import TYPE_CHECKING, Literal

from core.attacks.parts.settings import PixelSettings, TargetSettings
from core.attacks.parts.stages import CANCELING_TEXT, TARGET, is_single_target, target_step
from core.attacks.record import AttackRecord, Explanation, Stage, lines
from core.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class GCInput(PixelSettings, TargetSettings):
    """Gradient Canceling on the pixels, towards GradPC target parameters."""

    name: Literal["gc-input"] = "gc-input"


def run(settings: GCInput, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Cancel the gradient for each radius, and keep the radius with the lowest training accuracy of the retrained head.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.canvas import Canvas
    from core.attacks.algorithms.gradient_canceling import cancel_on_pixels, search, targets

    canvas = Canvas.of(scene, plan)
    theta, x = search(
        scene,
        plan,
        targets(scene, settings.target, settings.radius, observe),
        observe,
        lambda theta, part: cancel_on_pixels(scene, plan, canvas, theta, settings.steps, settings.lr, part),
        canvas.forward,
    )
    return Draft(target=theta, x=x)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The target, then the pixels."""
    settings = spec.attack
    assert isinstance(settings, GCInput)
    return [
        target_step(settings),
        f"Take the pixels of training images, and, through the extractor, {CANCELING_TEXT}.",
    ]


EXPLANATION = Explanation(
    lines(
        r"\min_{x}\; \tfrac12 \big\lVert\, & g_{\mathrm{clean}}(\hat\theta) + \varepsilon\, "
        r"g_{\mathrm{poison}}(\hat\theta; f(x))",
        r"& + (1 + \varepsilon)\,\lambda \hat W \,\big\rVert^2",
        r"& \text{with } x \text{ allowed}",
    ),
    "**Gradient Canceling on pixels**: the same objective as in feature space, with a gradient that goes through the "
    "extractor.",
)

RECORD = AttackRecord(
    settings=GCInput,
    title="Gradient Canceling, pixels",
    family="pixels",
    rank=2,
    stages=(
        TARGET,
        Stage(
            "pixels",
            explain=lambda settings: EXPLANATION,
            work=lambda settings, load: settings.steps * (load.image_step + load.head_step) * len(settings.radii),
            by_extractor=True,
            single_try=is_single_target,
        ),
    ),
    makes_images=True,
    report_steps=report_steps,
    run=run,
)
