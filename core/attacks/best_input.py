"""A portfolio of attacks on images: several starts and label rules, the best by the training set (ours)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from core.attacks.parts.settings import OuterName
from core.attacks.parts.stages import (
    FEATURE_MATCHING,
    ONLY_IMAGES,
    TOTAL_GRADIENT_ASCENT,
    TOTAL_GRADIENT_ASCENT_ON_PIXELS,
    exchange_explained,
    exchange_work,
    outer_steps,
)
from core.attacks.record import AttackRecord, Stage, Workload
from core.attacks.starts import KEPT, RULES, TRIED, field_sizes, note_of
from core.spec.experiment import ExperimentSpec
from core.spec.models import AttackSettings, choices
from core.system.numbers import counted

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer

FEATURE_LR = 0.3
"""Adam's step size on features, of norm about 3."""
BETA = 1e-3
"""Weight of the distance to the base image in feature matching."""


class BestInput(AttackSettings):
    """Several starts, and several label rules where labels may be chosen: the best on the training set."""

    label_rule: ClassVar[str] = "clean"
    name: Literal["best-input"] = "best-input"
    rounds: int = Field(5, ge=0, le=500, title="Rounds", description="Rounds of Frank-Wolfe; 0 leaves this start out.")
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
        description="What the starts begin from: the images that already hurt most under an allowed label, or random "
        "ones.",
        json_schema_extra=choices(influence="Most harmful", sample="Random"),
    )
    feature_steps: int = Field(
        40, ge=1, le=5_000, title="Steps on features", description="Steps on the features that images are matched to."
    )
    match_steps: int = Field(
        30, ge=0, le=5_000, title="Matching steps", description="Steps of feature matching; 0 leaves this start out."
    )
    joint_steps: int = Field(
        60,
        ge=1,
        le=5_000,
        title="Steps of the joint ascent",
        description="Steps on all pixels at once in each cycle, after which the worse half of the starts is dropped.",
    )
    cycles: int = Field(
        4,
        ge=1,
        le=50,
        title="Cycles of the joint ascent",
        description="How many the start that is kept has at least, each with the full step size at first.",
    )
    lr: float = Field(0.1, gt=0, le=10, title="Step size", description="Adam's step, of pixels in [0, 1].")
    outer: OuterName = "alike"

    def unread(self, label_rule: str) -> set[str]:
        """What belongs to starts that are left out."""
        exchange = {"atoms", "inner_steps"} if self.rounds == 0 else set()
        bases = {"bases"} if label_rule == "random" else set()
        return exchange | bases | ({"feature_steps"} if self.match_steps == 0 else set())

    @property
    def n_starts(self) -> int:
        """How many starts there are under each label rule."""
        return 1 + (self.rounds > 0) + (self.match_steps > 0)


def run(settings: BestInput, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Make every start, and race them.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from functools import partial

    from core.attacks.algorithms import portfolio
    from core.attacks.algorithms.ascent_on_pixels import DAMPING
    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.outer import outer_of

    outer, damping = outer_of(settings.outer, scene, DAMPING)
    starts: dict[str, portfolio.Start] = {}
    if settings.match_steps:
        starts["matched"] = partial(
            portfolio.matched_images,
            scene,
            feature_steps=settings.feature_steps,
            lr=FEATURE_LR,
            steps=settings.match_steps,
            beta=BETA,
        )
    if settings.rounds:
        starts["frank-wolfe"] = partial(
            portfolio.exchanged_images,
            scene,
            rounds=settings.rounds,
            atoms=settings.atoms,
            steps=settings.inner_steps,
            damping=damping,
            outer=outer,
        )
    starts["real"] = partial(portfolio.real_images, scene)
    field = portfolio.candidates(scene, plan, starts, observe, by_influence=settings.bases == "influence")
    best, first = portfolio.race(
        scene, field, settings.cycles, settings.joint_steps, settings.lr, observe, damping=damping, outer=outer
    )
    notes = {note_of(TRIED, one.start, one.rule): one.train_accuracy for one in first}
    notes[note_of(KEPT, best.start, best.rule)] = best.train_accuracy
    x, base, y = best.x, best.plan.base, best.plan.y
    return Draft(zeta=best.zeta, x=x, base=base, y=y, notes=notes, target_index=best.index)


def report_steps(spec: ExperimentSpec) -> list[str]:
    """The starts, and the race."""
    settings = spec.attack
    assert isinstance(settings, BestInput)
    n = counted(spec.n_poison, "training image")
    which = "that do most harm" if settings.bases == "influence" and spec.label_rule != "random" else "drawn at random"
    starts = [f"{n} {which}, as they are"]
    if settings.match_steps:
        starts.insert(0, "images whose features match harmful ones (feature matching)")
    if settings.rounds:
        starts.insert(-1, "images exchanged one by one for the least harmful ones (Frank–Wolfe)")
    rules = (
        " Make each of them under three label rules: the base image's own label, the least likely one, and the most "
        "harmful one."
        if spec.label_rule == "chosen"
        else ""
    )
    return [
        *outer_steps(settings.outer),
        f"Make several starts: {', and '.join(filter(None, [', '.join(starts[:-1]), starts[-1]]))}.{rules}",
        f"Move the pixels of each start for {counted(settings.joint_steps, 'step')} along the gradient of the harm, "
        f"drop the worse half by the accuracy on the training images, and so on; the last one has at least "
        f"{settings.cycles} turns.",
    ]


def _rules(load: Workload) -> int:
    return len(RULES) if load.label_rule == "chosen" else 1


def _cycles(settings: BestInput, load: Workload) -> int:
    """Cycles of all starts together: of all, of half of them, and so on, and of the last one alone."""
    return sum(field_sizes(settings.n_starts * _rules(load), settings.cycles))


RECORD = AttackRecord(
    settings=BestInput,
    title="Best of several starts, pixels",
    family="pixels",
    rank=5,
    stages=(
        Stage(
            "stage2",
            explain=lambda settings: TOTAL_GRADIENT_ASCENT,
            work=lambda settings, load: settings.feature_steps * load.head_step * _rules(load),
            variant=lambda settings: "tgda",
            used=lambda settings: settings.match_steps > 0,
            single_try=lambda settings: False,
        ),
        Stage(
            "invert",
            explain=lambda settings: FEATURE_MATCHING,
            work=lambda settings, load: settings.match_steps * load.image_step * _rules(load),
            used=lambda settings: settings.match_steps > 0,
            by_extractor=True,
            single_try=lambda settings: False,
        ),
        Stage(
            "exchange",
            explain=lambda settings: exchange_explained(settings.outer),
            work=lambda settings, load: (
                exchange_work(settings.rounds, settings.atoms, settings.inner_steps, load) * _rules(load)
            ),
            used=lambda settings: settings.rounds > 0,
            by_extractor=True,
            single_try=lambda settings: False,
        ),
        Stage(
            "pixels",
            explain=lambda settings: TOTAL_GRADIENT_ASCENT_ON_PIXELS,
            work=lambda settings, load: (
                _cycles(settings, load) * settings.joint_steps * (load.image_step + load.head_step)
            ),
            by_extractor=True,
            single_try=lambda settings: False,
        ),
    ),
    makes_images=True,
    excluded_constraints=ONLY_IMAGES,
    report_steps=report_steps,
    run=run,
)
