"""Label flips: copies of training images under other labels, the baseline that every attack must beat."""

from typing import TYPE_CHECKING, Literal

from core.attacks.record import AttackRecord
from core.spec.models import AttackSettings

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class LabelFlip(AttackSettings):
    """Copies of training images under a label given by the label rule: the baseline."""

    name: Literal["label-flip"] = "label-flip"


def run(settings: LabelFlip, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """The base images, or of data without images their features, unchanged under the labels of the rule.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.base import Draft

    if not scene.has_images:
        return Draft(zeta=scene.z[plan.base])
    return Draft(x=scene.images[plan.base])


RECORD = AttackRecord(
    settings=LabelFlip,
    title="Label flip",
    family="baseline",
    rank=1,
    stages=(),
    makes_images=True,
    works_on_features=True,
    excluded_label_rules={"clean": "it flips nothing."},
    report_steps=lambda spec: ["Copy training images and give the copies wrong labels. No pixel is changed."],
    outcome="Real images under wrong labels; nothing is optimised.",
    run=run,
)
