"""Feature-targeted attack with real images: the baseline of every inversion (ours)."""

from typing import TYPE_CHECKING, Literal

from core.attacks.parts.settings import FeatureTargetedSettings
from core.attacks.parts.stages import FEATURES_BY_EITHER, ONLY_IMAGES, TARGET, feature_targeted_steps
from core.attacks.record import AttackRecord

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class FTDonor(FeatureTargetedSettings):
    """Feature-targeted attack whose images are the real ones nearest to the poisoned features."""

    name: Literal["ft-donor"] = "ft-donor"


def run(settings: FTDonor, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Poisoned features, then the real images nearest to them; nothing is optimised after stage 2.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.feature_targeted import stages_1_and_2
    from core.attacks.algorithms.inversion import nearest_bases

    target, zeta = stages_1_and_2(scene, plan, settings, observe)
    base = nearest_bases(scene, plan, zeta)[:, 0]
    return Draft(target=target, zeta=zeta, x=scene.images[base], base=base)


RECORD = AttackRecord(
    settings=FTDonor,
    title="Feature-targeted, real images",
    family="feature-targeted",
    rank=3,
    stages=(TARGET, FEATURES_BY_EITHER),
    makes_images=True,
    excluded_constraints=ONLY_IMAGES,
    report_steps=lambda spec: feature_targeted_steps(
        spec, "Turn features into images: take the real training image whose features are nearest, as it is."
    ),
    outcome="Each poisoned feature is given to the nearest real image.",
    run=run,
)
