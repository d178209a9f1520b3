"""Feature-targeted attack: poisoned features, then images whose features match them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.parts.settings import InversionSettings
from core.attacks.parts.stages import (
    FEATURE_MATCHING,
    FEATURES_BY_EITHER,
    FINISH,
    NEAR_IMAGES,
    ONLY_IMAGES,
    TARGET,
    feature_targeted_steps,
)
from core.attacks.record import AttackRecord, Stage
from core.spec.experiment import ExperimentSpec
from core.system.numbers import counted, percent

if TYPE_CHECKING:
    from torch import Tensor

    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


NEAR_ROUNDS = 4
"""Rounds of stage 2 near images, between which the images follow the features."""


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
    # Omitted from JSON while it is 0, so that experiments that predate it keep their hashes.
    near: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Distance from an image",
        description="Stage 2 takes only features within this distance of some image's, in relation to their norm, and "
        "matching starts there too; 0 is the whole range of clean features. Only for stage2 = tgda.",
        exclude_if=lambda value: value == 0,
    )
    beta: float = Field(
        1e-3,
        ge=0,
        le=1000,
        title="Pull to the base image",
        description="Weight of the distance to the base image: larger values keep images closer to where they started.",
    )

    def unread(self, label_rule: str) -> set[str]:
        """Without steps there is nothing to match, and Gradient Canceling stays near no image."""
        unmatched = {"beta", "restarts"} if self.match_steps == 0 else set()
        return super().unread(label_rule) | unmatched | ({"near"} if self.stage2 == "gc" else set())

    @property
    def is_near(self) -> bool:
        """Whether stage 2 stays near images."""
        return self.near > 0 and self.stage2 == "tgda"


def run(settings: FTMatching, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Poisoned features, then images whose features match them.

    They start from the nearest real images and, where stage 2 stays near images, from those images too.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms.feature_targeted import with_inversion
    from core.attacks.algorithms.inversion import match_with_restarts
    from core.attacks.algorithms.near_images import Near, near_features
    from core.spec.events import made_from

    witnesses: list[Near] = []

    def near_images(plan: "Plan") -> "tuple[None, Tensor]":
        x, rho = scene.images[plan.base], settings.near
        steps, lr, part = settings.steps, settings.lr, made_from(observe, plan.base, plan.y)
        near = near_features(scene, plan, x, rho, rounds=NEAR_ROUNDS, steps=steps, lr=lr, observe=part)
        witnesses.append(near)
        return None, near.zeta

    def invert(plan: "Plan", zeta: "Tensor") -> "tuple[Tensor, Tensor, dict[str, float]]":
        steps, beta, restarts = settings.match_steps, settings.beta, settings.restarts
        witness = (witnesses[0].x, witnesses[0].z) if witnesses else None
        return *match_with_restarts(scene, plan, zeta, steps, beta, restarts, observe, witness), {}

    return with_inversion(scene, plan, settings, observe, invert, near_images if settings.is_near else None)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The three stages, and the finish."""
    settings = spec.attack
    assert isinstance(settings, FTMatching)
    start = "the nearest real image"
    if settings.is_near:
        start += ", and from the image that the features stay near to"
    inversion = (
        f"Turn features into images: start from {start}, and move its pixels for "
        f"{counted(settings.match_steps, 'step')} until the extractor gives almost these features (feature matching)."
    )
    steps = feature_targeted_steps(spec, inversion)
    if settings.is_near:
        steps[0] += (
            f" Each stays within {percent(settings.near, 0)} of the features of some image, which follows it in "
            f"{NEAR_ROUNDS} rounds."
        )
    return steps


RECORD = AttackRecord(
    settings=FTMatching,
    title="Feature-targeted, matched images",
    family="feature-targeted",
    rank=1,
    stages=(
        TARGET,
        replace(
            FEATURES_BY_EITHER,
            explain=lambda settings: NEAR_IMAGES if settings.is_near else FEATURES_BY_EITHER.explain(settings),
            variant=lambda settings: "near" if settings.is_near else FEATURES_BY_EITHER.variant(settings),
        ),
        Stage(
            "invert",
            explain=lambda settings: FEATURE_MATCHING,
            work=lambda settings, load: (settings.restarts + settings.is_near) * settings.match_steps * load.image_step,
            by_extractor=True,
            single_try=lambda settings: bool(settings.restarts == 1 and not settings.is_near),
        ),
        FINISH,
    ),
    makes_images=True,
    excluded_constraints=ONLY_IMAGES,
    report_steps=report_steps,
    run=run,
)
