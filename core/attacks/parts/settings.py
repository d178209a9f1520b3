"""Settings that several attacks share."""

from typing import Literal

from pydantic import Field

from core.spec.models import AttackSettings, choices

RADII = (1.0, 3.0, 10.0)
"""Radii that the search for a target tries, around a head whose features have norm about 3."""


class TargetSettings(AttackSettings):
    """Of attacks that aim at target parameters."""

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
        """Always, but for subclasses that can do without."""
        return True

    @property
    def radii(self) -> tuple[float, ...]:
        """The radii that are tried; one where there is no search."""
        return RADII if self.uses_target and self.target == "search" else (self.radius,)

    def unread(self, label_rule: str) -> set[str]:
        """A search has radii of its own."""
        if not self.uses_target:
            return {"target", "radius"}
        return {"radius"} if self.target == "search" else set()


class PixelSettings(AttackSettings):
    """Of attacks that ascend on the pixels."""

    steps: int = Field(
        60, ge=1, le=5_000, title="Steps", description="Steps on the pixels, for each target where there are several."
    )
    lr: float = Field(0.03, gt=0, le=10, title="Step size", description="Adam's step, of pixels in [0, 1].")


class FeatureTargetedSettings(TargetSettings):
    """Of feature-targeted attacks: how poisoned features are found (stages 1 and 2)."""

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
        """Gradient Canceling needs a target, total gradient ascent does not."""
        return self.stage2 == "gc"

    def unread(self, label_rule: str) -> set[str]:
        """Gradient Canceling has a step of its own."""
        return super().unread(label_rule) | ({"lr"} if self.stage2 == "gc" else set())


class InversionSettings(FeatureTargetedSettings):
    """Of feature-targeted attacks that make images of their own (stage 3).

    `finish_steps` > 0 goes on after the inversion, on the pixels, by the head's implicit gradient (ours);
    0 is the paper's stage 3.
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
        """A label drawn at random is known only once its base point is."""
        return super().unread(label_rule) | ({"bases"} if label_rule == "random" else set())
