"""Gradient Canceling on free feature vectors (arXiv 2303.03592), towards GradPC target parameters."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.parts.settings import TargetSettings
from core.attacks.parts.stages import CANCELING_TEXT, FEATURES_BY_CANCELING, TARGET, target_step
from core.attacks.record import AttackRecord
from core.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class GCFeature(TargetSettings):
    """Gradient Canceling on free feature vectors, towards GradPC target parameters."""

    name: Literal["gc-feature"] = "gc-feature"
    steps: int = Field(
        500, ge=1, le=20_000, title="Steps", description="Most optimisation steps of Gradient Canceling."
    )


def run(settings: GCFeature, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Choose target parameters, then cancel the gradient there.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.gradient_canceling import gc_features

    target, zeta = gc_features(scene, plan, settings.target, settings.radius, settings.steps, observe)
    return Draft(target=target, zeta=zeta)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The target, then the features."""
    settings = spec.attack
    assert isinstance(settings, GCFeature)
    return [
        target_step(settings),
        f"Take the features of training images, and {CANCELING_TEXT}. They never become images.",
    ]


RECORD = AttackRecord(
    settings=GCFeature,
    title="Gradient Canceling, features",
    family="features",
    rank=2,
    stages=(TARGET, FEATURES_BY_CANCELING),
    makes_images=False,
    excluded_constraints={"perturbation": "it makes feature vectors, not images, so that no pixel can be bound."},
    report_steps=report_steps,
    run=run,
)
