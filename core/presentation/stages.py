"""The trajectory of a finished run for display, and the loss of effect from stage to stage.

Free of torch; nothing is trained here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from core.catalog.descriptions import AttackDescription
from core.experiments.summary import RunSummary
from core.heads.scores import Reachability
from core.system.numbers import digits, percent

TITLES = {
    "clean": "Clean",
    "target": "1 · Target head",
    "stage2": "2 · Poisoned features",
    "invert": "3 · Images",
    "exchange": "Exchange of samples",
    "pixels": "Pixels",
    "poison": "Poisoned set",
}
"""Short titles of the stages of `core.experiments.trajectory.PATH`, for charts."""


@dataclass(frozen=True)
class ShownStep:
    """One step of the trajectory.

    Attributes:
        stage: one of `core.experiments.trajectory.PATH`.
        done, total: steps of the stage so far, and in total.
        accuracy: fraction of the test set.
        point: row in `walk_pca`; None if there is no poison yet.
        picture: row in `walk_x`; None if there are no images yet.
        values: reported by the attack at this step, e.g. `residual`.
    """

    stage: str
    done: int
    total: int
    accuracy: float
    point: int | None
    picture: int | None
    values: Mapping[str, float]

    @property
    def label(self) -> str:
        """Stage and step as text."""
        title = TITLES[self.stage]
        return f"{title}, step {self.done} of {self.total}" if self.total else title


@dataclass(frozen=True)
class StageLoss:
    """Loss of effect of an attack between the ends of two stages.

    Attributes:
        before, after: the stages, keys of `core.experiments.trajectory.PATH`.
        wanted, reached: drop of test accuracy at their ends, in points.
        why: explanation in one sentence.
    """

    before: str
    after: str
    wanted: float
    reached: float
    why: str


def shown_steps(summary: RunSummary) -> list[ShownStep]:
    """The steps of a run's trajectory; empty if none is stored."""
    description = summary.description
    # The curve counts the steps of all tries of a stage through, so that they don't match those of the trajectory.
    curve = [point for point in summary.curve if _is_single_try(description, point.stage)]
    totals: dict[str, int] = {}
    steps = [(step.stage, step.step) for step in summary.trajectory] + [(point.stage, point.step) for point in curve]
    for stage, step_number in steps:
        totals[stage] = max(totals.get(stage, 0), step_number)
    values = {(point.stage, point.step): point.values for point in curve}
    shown: list[ShownStep] = []
    points = pictures = 0
    for step in summary.trajectory:
        has_point = step.stage not in ("clean", "target")
        has_picture = step.stage in ("invert", "exchange", "pixels", "poison") and description.makes_images
        shown.append(
            ShownStep(
                stage=step.stage,
                done=step.step,
                total=totals[step.stage],
                accuracy=step.accuracy,
                point=points if has_point else None,
                picture=pictures if has_picture else None,
                values=values.get((step.stage, step.step), {}),
            )
        )
        points, pictures = points + has_point, pictures + has_picture
    return shown


def losses(summary: RunSummary) -> list[StageLoss]:
    """The loss of effect of a run with several stages, stage by stage."""
    ends = [stage for stage in ("target", "stage2", "poison") if _has_end(summary, stage)]
    stage_losses = []
    for before, after in pairwise(ends):
        wanted, reached = (summary.drop(SCORE_OF[stage]) for stage in (before, after))
        why = _out_of_reach(summary.threshold) if before == "target" else _no_such_image(summary.inversion_gap)
        stage_losses.append(StageLoss(before, after, wanted, reached, why))
    return stage_losses


SCORE_OF = {"clean": "clean", "target": "target", "stage2": "stage2", "poison": "poisoned"}
"""The key in `core.experiments.summary.SCORES` of the score at the end of each stage."""


def _has_end(summary: RunSummary, stage: str) -> bool:
    if stage == "poison" and summary.stage2 is not None and not summary.description.makes_images:
        return False  # the features are the poison
    return summary.score(SCORE_OF[stage]) is not None


def _is_single_try(description: AttackDescription, name: str) -> bool:
    """Whether the steps of a stage in the curve belong to a single try."""
    stage = description.stages.get(name)
    return stage is None or stage.single_try


def _out_of_reach(threshold: Reachability | None) -> str:
    if threshold is None:
        return "The poisoned samples have to cancel the gradient at the target, which a small budget can't."
    least, budget = threshold.least_budget, 100 * threshold.budget
    if least is None:
        return "The ridge penalty alone keeps every budget away from this target."
    if least > threshold.budget:
        needed, given = digits(100 * least, 3), digits(budget, 3)
        return f"The target needs a budget of at least {needed} %, and the attacker has {given} %."
    return f"The budget of {digits(budget, 3)} % is not ruled out, but the attack leaves a gradient at the target."


def _no_such_image(gap: float | None) -> str:
    if gap is None:
        return "Images can't take arbitrary feature values."
    return f"No allowed image has these features: those of the images differ by {percent(gap, 0)} of the norm."
