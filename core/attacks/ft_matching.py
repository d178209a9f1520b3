"""Feature-targeted attack: poisoned features, then images whose features match them."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.parts.settings import InversionSettings
from core.attacks.parts.stages import (
    FEATURE_MATCHING,
    FEATURES_BY_EITHER,
    FINISH,
    ONLY_IMAGES,
    TARGET,
    feature_targeted_steps,
)
from core.attacks.record import AttackRecord, Stage
from core.spec.experiment import ExperimentSpec
from core.system.numbers import counted

if TYPE_CHECKING:
    from torch import Tensor

    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class FTMatching(InversionSettings):
    """Feature-targeted attack: poisoned features, then images whose features match them."""

    name: Literal["ft-matching"] = "ft-matching"
    match_steps: int = Field(
        30,
        ge=0,
        le=5_000,
        title="Matching steps",
        description="Adam steps of feature matching: how long pixels are changed until the image's features match.",
    )
    restarts: int = Field(
        1,
        ge=1,
        le=20,
        title="Starts of matching",
        description="From how many of the nearest real images each match is tried; the closest match is kept.",
    )
    beta: float = Field(
        1e-3,
        ge=0,
        le=1000,
        title="Pull to the base image",
        description="Weight of the distance to the base image: larger values keep images closer to where they started.",
    )

    def unread(self, label_rule: str) -> set[str]:
        """Without steps there is nothing to match."""
        return super().unread(label_rule) | ({"beta", "restarts"} if self.match_steps == 0 else set())


def run(settings: FTMatching, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Poisoned features, then images whose features match them, starting from the nearest real images.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.feature_targeted import with_inversion
    from core.attacks.algorithms.inversion import match_with_restarts

    def invert(plan: "Plan", zeta: "Tensor") -> "tuple[Tensor, Tensor, dict[str, float]]":
        steps, beta, restarts = settings.match_steps, settings.beta, settings.restarts
        return *match_with_restarts(scene, plan, zeta, steps, beta, restarts, observe), {}

    return with_inversion(scene, plan, settings, observe, invert)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The three stages, and the finish."""
    settings = spec.attack
    assert isinstance(settings, FTMatching)
    inversion = (
        "Turn features into images: start from the nearest real image, and move its pixels for "
        f"{counted(settings.match_steps, 'step')} until the extractor gives almost these features (feature matching)."
    )
    return feature_targeted_steps(spec, inversion)


RECORD = AttackRecord(
    settings=FTMatching,
    title="Feature-targeted, matched images",
    family="feature-targeted",
    rank=1,
    stages=(
        TARGET,
        FEATURES_BY_EITHER,
        Stage(
            "invert",
            explain=lambda settings: FEATURE_MATCHING,
            work=lambda settings, load: settings.restarts * settings.match_steps * load.image_step,
            by_extractor=True,
            single_try=lambda settings: bool(settings.restarts == 1),
        ),
        FINISH,
    ),
    makes_images=True,
    excluded_constraints=ONLY_IMAGES,
    report_steps=report_steps,
    run=run,
)
