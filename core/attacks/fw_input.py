"""Frank-Wolfe over the poison, then a joint ascent on the pixels (ours)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from core.attacks.parts.settings import OuterName
from core.attacks.parts.stages import TOTAL_GRADIENT_ASCENT_ON_PIXELS, exchange_explained, exchange_work, outer_steps
from core.attacks.record import AttackRecord, Stage
from core.spec.experiment import ExperimentSpec
from core.spec.models import AttackSettings, choices

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class FWInput(AttackSettings):
    """Frank-Wolfe over the poison: images that climb their influence are exchanged for the least harmful ones."""

    label_rule: ClassVar[str] = "clean"
    name: Literal["fw-input"] = "fw-input"
    rounds: int = Field(
        5,
        ge=1,
        le=500,
        title="Rounds",
        description="Most rounds of the exchange; it ends where no exchange raises the loss on the training set.",
    )
    atoms: int = Field(
        60,
        ge=1,
        le=5_000,
        title="Images in a round",
        description="How many images climb their influence in each round, at most as many as are poisoned.",
    )
    inner_steps: int = Field(
        30, ge=1, le=5_000, title="Steps in a round", description="Steps of each image up its influence, head frozen."
    )
    bases: Literal["influence", "sample"] = Field(
        "influence",
        title="Base images",
        description="What the first round starts from: the images that already hurt most under an allowed label, or "
        "random ones.",
        json_schema_extra=choices(influence="Most harmful", sample="Random"),
    )
    joint_steps: int = Field(
        60,
        ge=0,
        le=5_000,
        title="Steps of the joint ascent",
        description="Steps on all pixels at once after the rounds, in each cycle; 0 ends with the rounds.",
    )
    cycles: int = Field(
        2,
        ge=1,
        le=50,
        title="Cycles of the joint ascent",
        description="How often it starts over with its full step size, from the best images so far.",
    )
    lr: float = Field(0.1, gt=0, le=10, title="Step size", description="Adam's step, of pixels in [0, 1].")
    outer: OuterName = "alike"
    damping: float = Field(
        1e-2,
        ge=0,
        le=10,
        title="Damping",
        description="Added to the curvature of the head's loss: less turns the attack towards what is memorised.",
    )

    def unread(self, label_rule: str) -> set[str]:
        """Without a joint ascent it has no cycles and no step size; counting by leverage has a damping of its own."""
        joint = {"cycles", "lr"} if self.joint_steps == 0 else set()
        return joint | ({"damping"} if self.outer == "leverage" else set())


def run(settings: FWInput, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Exchange round by round, then ascend on all pixels.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from dataclasses import replace

    from core.attacks.algorithms.ascent_on_pixels import ascend
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.canvas import Canvas
    from core.attacks.algorithms.frank_wolfe import Exchange, Poison
    from core.attacks.algorithms.outer import outer_of
    from core.spec.events import made_from, part_of

    outer, damping = outer_of(settings.outer, scene, settings.damping)
    exchange = Exchange(scene, plan, settings.atoms, settings.inner_steps, damping, outer)
    by_influence = settings.bases == "influence"
    start = exchange.influential() if by_influence else Poison.real(scene, plan.base, plan.y)
    poison, notes = exchange.run(start, settings.rounds, observe)
    plan, x = replace(plan, base=poison.base, y=poison.y), poison.x
    if settings.joint_steps:
        canvas = Canvas.of(scene, plan)
        for i in range(settings.cycles):
            part = part_of(made_from(observe, plan.base, plan.y), i, settings.cycles)
            x = ascend(scene, plan, canvas, x, settings.joint_steps, settings.lr, part, damping, outer)
    return Draft(x=x, base=poison.base, y=poison.y, notes=notes)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The start, the rounds, and the joint ascent."""
    settings = spec.attack
    assert isinstance(settings, FWInput)
    which = "that do most harm as they are" if settings.bases == "influence" else "drawn at random"
    steps = [
        *outer_steps(settings.outer),
        f"Start from copies of {spec.n_poison:,} training images {which}.",
        f"In each of at most {settings.rounds:,} rounds, move the pixels of {min(settings.atoms, spec.n_poison):,} "
        f"promising training images for {settings.inner_steps:,} steps so that adding them would harm most, and "
        "exchange the least harmful poisoned images for them, as long as the loss on the training images rises.",
    ]
    if settings.joint_steps:
        cycles = f", {settings.cycles:,} times over" if settings.cycles > 1 else ""
        steps.append(
            f"Move the pixels of all poisoned images together for {settings.joint_steps:,} steps{cycles}, along the "
            "gradient of the harm through the extractor and the head that the defender will train."
        )
    return steps


RECORD = AttackRecord(
    settings=FWInput,
    title="Frank–Wolfe, pixels",
    family="pixels",
    rank=4,
    stages=(
        Stage(
            "exchange",
            explain=lambda settings: exchange_explained(settings.outer),
            work=lambda settings, load: exchange_work(settings.rounds, settings.atoms, settings.inner_steps, load),
            by_extractor=True,
        ),
        Stage(
            "pixels",
            explain=lambda settings: TOTAL_GRADIENT_ASCENT_ON_PIXELS,
            work=lambda settings, load: settings.cycles * settings.joint_steps * (load.image_step + load.head_step),
            used=lambda settings: settings.joint_steps > 0,
            by_extractor=True,
        ),
    ),
    makes_images=True,
    report_steps=report_steps,
    run=run,
)
