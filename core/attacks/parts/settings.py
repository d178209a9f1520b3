"""Settings that several attacks share."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.models import AttackSettings, choices

RADII = (1.0, 3.0, 10.0)
"""Radii that the search for a target tries; features have norm about 3."""


LEVERAGE_POWER = 8
"""Of 1 - h in the weight of a training point of leverage h, see `core.attacks.algorithms.outer`."""
OuterName = Annotated[
    Literal["alike", "leverage"],
    Field(
        title="Training points count",
        description="In what the attacker raises: all alike, or those less that the clean head has learnt by heart (by "
        "their leverage), as other points do not follow them. The second is the stronger.",
        json_schema_extra=choices(alike="Alike", leverage="By leverage"),
        # Omitted from JSON at its first default, so that experiments that predate it keep their hashes.
        exclude_if=lambda value: value == "alike",
    ),
]
"""Which outer loss, see `core.attacks.algorithms.outer`."""


class TargetSettings(AttackSettings):
    """Settings of attacks that aim at target parameters."""

    target: Literal["gradpc", "search"] = Field(
        "search",
        title="Target parameters",
        description="GradPC at one radius, or a search over radii.",
        json_schema_extra=choices(gradpc="One radius", search="Search"),
    )
    radius: float = Field(
        3.0,
        gt=0,
        le=1000,
        title="Target radius",
        description="GradPC's radius r: how far the target head lies from the clean head.",
    )

    @property
    def uses_target(self) -> bool:
        """True, except in subclasses for which a target is optional."""
        return True

    @property
    def radii(self) -> tuple[float, ...]:
        """The radii that are tried; a single one without a search."""
        return RADII if self.uses_target and self.target == "search" else (self.radius,)

    def unread(self, label_rule: str) -> set[str]:
        """A search does not read the radius."""
        if not self.uses_target:
            return {"target", "radius"}
        return {"radius"} if self.target == "search" else set()


class PixelSettings(AttackSettings):
    """Settings of attacks that optimise pixels."""

    steps: int = Field(
        60, ge=1, le=5_000, title="Steps", description="Steps on the pixels, for each target where there are several."
    )
    lr: float = Field(0.03, gt=0, le=10, title="Step size", description="Adam's step, of pixels in [0, 1].")


class FeatureTargetedSettings(TargetSettings):
    """Settings of feature-targeted attacks: how poisoned features are computed (stages 1 and 2)."""

    stage2: Literal["gc", "tgda"] = Field(
        "tgda",
        title="Stage 2 by",
        description="How poisoned features are found: by Gradient Canceling or by total gradient ascent.",
        json_schema_extra=choices(gc="Gradient Canceling", tgda="TGDA"),
    )
    steps: int = Field(
        40,
        ge=1,
        le=20_000,
        title="Steps of stage 2",
        description="More steps find stronger poisoned features and take longer.",
    )
    lr: float = Field(
        0.3,
        gt=0,
        le=10,
        title="Step size of stage 2",
        description="Stage 2's Adam step; only for stage2 = tgda. A feature vector has length about 3.",
    )

    @property
    def uses_target(self) -> bool:
        """Whether stage 2 is Gradient Canceling; total gradient ascent needs no target."""
        return self.stage2 == "gc"

    def unread(self, label_rule: str) -> set[str]:
        """Gradient Canceling does not read the step size."""
        return super().unread(label_rule) | ({"lr"} if self.stage2 == "gc" else set())


class InversionSettings(FeatureTargetedSettings):
    """Settings of feature-targeted attacks that generate images (stage 3).

    With `finish_steps` > 0, pixels are further optimised by the head's implicit gradient (ours) after the
    inversion; 0 is the paper's stage 3.
    """

    bases: Literal["influence", "sample"] = Field(
        "influence",
        title="Base images",
        description="Where the poison starts: at the images that already hurt most under their new label (ours), or at "
        "random ones.",
        json_schema_extra=choices(influence="Most harmful", sample="Random"),
    )
    finish_steps: int = Field(
        60,
        ge=0,
        le=2_000,
        title="Finishing steps",
        description="Steps on the pixels by the head's gradient; 0 is the paper's attack.",
    )

    def unread(self, label_rule: str) -> set[str]:
        """Under the random label rule, base images can't be selected by their influence."""
        return super().unread(label_rule) | ({"bases"} if label_rule == "random" else set())
