"""TGDA on free feature vectors: stage 2 by the implicit gradient (ours; see `core.attacks.algorithms.implicit`)."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.parts.stages import ASCENT_TEXT, FEATURES_BY_ASCENT
from core.attacks.record import AttackRecord
from core.spec.models import AttackSettings

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class TGDAFeature(AttackSettings):
    """Total gradient ascent on free feature vectors, by implicit differentiation of the head."""

    name: Literal["tgda-feature"] = "tgda-feature"
    steps: int = Field(40, ge=1, le=5_000, title="Steps", description="Outer steps; the head is solved again at each.")
    lr: float = Field(
        0.3, gt=0, le=10, title="Step size", description="Adam's step, where a feature vector has norm about 3."
    )


def run(settings: TGDAFeature, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Optimise features, starting from those of the base points.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.tgda import tgda_features

    return Draft(zeta=tgda_features(scene, plan, settings.steps, settings.lr, observe))


RECORD = AttackRecord(
    settings=TGDAFeature,
    title="TGDA, features",
    family="features",
    rank=1,
    stages=(FEATURES_BY_ASCENT,),
    makes_images=False,
    excluded_constraints={"perturbation": "it makes feature vectors, not images, so that no pixel can be bound."},
    report_steps=lambda spec: [f"Take the features of training images, and {ASCENT_TEXT}. They never become images."],
    run=run,
)
