"""The feature-targeted attack: target head, poisoned features, images (Lu et al. 2024, section 4)."""

from collections.abc import Callable, Mapping

from torch import Tensor

from core.attacks.algorithms.ascent_on_pixels import ascend
from core.attacks.algorithms.base import Draft, Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.gradient_canceling import gc_features
from core.attacks.algorithms.implicit import influential
from core.attacks.algorithms.tgda import tgda_features
from core.attacks.parts.settings import FeatureTargetedSettings, InversionSettings
from core.spec.events import Observer, made_from

FINISH_STEP = 0.03
"""Adam's step size of the finish, for pixels in [0, 1]."""

Invert = Callable[[Plan, Tensor], tuple[Tensor, Tensor, Mapping[str, float]]]
"""From a plan and poisoned features (m, d) to base points (m,), images (m, C, H, W) and numbers to report."""


def stages_1_and_2(
    scene: Scene, plan: Plan, settings: FeatureTargetedSettings, observe: Observer
) -> tuple[Tensor | None, Tensor]:
    """Target parameters and poisoned features.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        settings: of the two stages.
        observe: receives the progress.

    Returns:
        Target parameters (c, d + 1), or None if stage 2 needs none; poisoned features (m, d).
    """
    if settings.stage2 == "gc":
        return gc_features(scene, plan, settings.target, settings.radius, settings.steps, observe)
    return None, tgda_features(scene, plan, settings.steps, settings.lr, observe)


def with_inversion(
    scene: Scene,
    plan: Plan,
    settings: InversionSettings,
    observe: Observer,
    invert: Invert,
    stages: Callable[[Plan], tuple[Tensor | None, Tensor]] | None = None,
) -> Draft:
    """Poisoned features, images of them, then (ours) finishing steps on the pixels.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        settings: of the three stages.
        observe: receives the progress.
        invert: stage 3.
        stages: stages 1 and 2, if they are other than `stages_1_and_2`.
    """
    if settings.bases == "influence":
        plan = influential(scene, plan)
        observe = made_from(observe, plan.base, plan.y)
    target, zeta = stages_1_and_2(scene, plan, settings, observe) if stages is None else stages(plan)
    base, x, notes = invert(plan, zeta)
    if settings.finish_steps:
        canvas = Canvas(scene.pipeline, scene.images[base], plan.feasible, plan.y)
        x = ascend(scene, plan, canvas, x, settings.finish_steps, FINISH_STEP, made_from(observe, base, plan.y))
    return Draft(target, zeta, x, base, plan.y, notes)
