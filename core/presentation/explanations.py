"""The walk through a stored run, ready to show: its steps, what stages do, and the accuracy lost between them.

Free of torch; nothing is trained here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from core.attacks.parts.stages import lines
from core.attacks.record import Explanation
from core.catalog.descriptions import AttackDescription, describe
from core.experiments.result import drop, least_budget
from core.spec.experiment import parse_spec

TITLES = {
    "clean": "Clean",
    "target": "1 · Target head",
    "stage2": "2 · Poisoned features",
    "invert": "3 · Images",
    "pixels": "Pixels",
    "poison": "Poisoned set",
}
"""Stages of `core.experiments.trajectory.PATH`, in words that fit a chart."""


@dataclass(frozen=True)
class Shown:
    """One step of the walk.

    Attributes:
        stage: one of `core.experiments.trajectory.PATH`.
        done, total: steps of its stage until then, and in all.
        accuracy: fraction of the test set.
        point: its row in `walk_pca`; None where there is no poison yet.
        picture: its row in `walk_x`; None where there are no images yet.
        values: what the attack said of itself at this step, e.g. `residual`.
    """

    stage: str
    done: int
    total: int
    accuracy: float
    point: int | None
    picture: int | None
    values: Mapping[str, float]

    @property
    def words(self) -> str:
        """Where in the walk it is."""
        title = TITLES[self.stage]
        return f"{title}, step {self.done} of {self.total}" if self.total else title


@dataclass(frozen=True)
class Loss:
    """Accuracy that an attack gives up between the ends of two stages.

    Attributes:
        before, after: the stages, keys of `core.experiments.trajectory.PATH`.
        wanted, reached: points of test accuracy lost to the poison at their ends.
        why: in one sentence.
    """

    before: str
    after: str
    wanted: float
    reached: float
    why: str


def walk(result: Mapping[str, Any]) -> list[Shown]:
    """The steps of a run; empty where it was stored without.

    Args:
        result: the content of result.json.
    """
    steps = result.get("walk") or []
    totals: dict[str, int] = {}
    # Where a stage was tried several times, its steps in the curve are counted through: they are of another try.
    curve = [point for point in result.get("curve", []) if _is_one_try(result, point["stage"])]
    for step in [*steps, *curve]:
        totals[step["stage"]] = max(totals.get(step["stage"], 0), int(step["done"]))
    told = {(point["stage"], point["done"]): point for point in curve}
    shown: list[Shown] = []
    points = pictures = 0
    for step in steps:
        stage, done = str(step["stage"]), int(step["done"])
        has_point, has_picture = stage not in ("clean", "target"), stage in ("invert", "pixels", "poison")
        at = told.get((stage, done), {})
        values = {name: float(value) for name, value in at.items() if name not in ("stage", "done")}
        shown.append(
            Shown(
                *(stage, done, totals[stage], float(step["accuracy"])),
                points if has_point else None,
                pictures if has_picture and _makes_images(result) else None,
                values,
            )
        )
        points, pictures = points + has_point, pictures + (has_picture and _makes_images(result))
    return shown


def explained(stage: str, description: AttackDescription) -> Explanation:
    """A stage's formula and words.

    Args:
        stage: one of `core.experiments.trajectory.PATH`.
        description: of the attack with the settings that it ran with.
    """
    if stage == "clean":
        return _CLEAN
    if stage == "poison":
        return Explanation(_POISON.formula, f"{description.outcome} {_POISON.words}".strip())
    return description.stages[stage].explanation


def losses(result: Mapping[str, Any]) -> list[Loss]:
    """Where a run of several stages loses what it set out for, stage by stage."""
    ends = [stage for stage in ("target", "stage2", "poison") if _end(result, stage) is not None]
    found = []
    for before, after in pairwise(ends):
        wanted, reached = (drop(result, SCORE_OF[stage]) for stage in (before, after))
        why = _out_of_reach(result) if before == "target" else _no_such_image(result)
        found.append(Loss(before, after, wanted, reached, why))
    return found


SCORE_OF = {"clean": "clean", "target": "target", "stage2": "stage2", "poison": "poisoned"}
"""The key of `core.experiments.result.SCORES` that a stage of the walk ends with."""


def _end(result: Mapping[str, Any], stage: str) -> Mapping[str, Any] | None:
    if stage == "poison" and result["stage2"] is not None and not _makes_images(result):
        return None  # the features are the poison
    score: Mapping[str, Any] | None = result[SCORE_OF[stage]]
    return score


def _makes_images(result: Mapping[str, Any]) -> bool:
    return description_of(result).makes_images


def description_of(result: Mapping[str, Any]) -> AttackDescription:
    """What is known of a stored run's attack."""
    return describe(parse_spec(result["spec"], stored=True), result.get("plugins", {}))


def _is_one_try(result: Mapping[str, Any], name: str) -> bool:
    """Whether the steps of a stage, as the curve counts them, are of one try."""
    stage = description_of(result).stages.get(name)
    return stage is None or stage.single_try


def _out_of_reach(result: Mapping[str, Any]) -> str:
    threshold = result["threshold"]
    least = None if threshold is None else least_budget(threshold)
    if threshold is None:
        return "Poison has to cancel the gradient at the target, which a small budget can't."
    if least is None:
        return "The ridge alone keeps every budget of poison away from this target."
    budget = 100 * threshold["budget"]
    if least > threshold["budget"]:
        return f"The target needs a budget of at least {100 * least:.3g} %, and the attacker has {budget:.3g} %."
    return (
        f"The budget of {budget:.3g} % is not ruled out, but the poison leaves a gradient at the target all the same."
    )


def _no_such_image(result: Mapping[str, Any]) -> str:
    gap = result["inversion_gap"]
    if gap is None:
        return "Images can't have any features."
    return f"No allowed image has these features: the poison's lie {100 * gap:.0f} % of their length away from them."


_CLEAN = Explanation(
    lines(
        r"\theta^* &= \arg\min_\theta\; F(\theta), \qquad z_i = f(x_i),",
        r"F(\theta) &= \frac1n \sum_{i=1}^n \mathrm{CE}(\theta; z_i, y_i) + \frac\lambda2 \lVert W \rVert^2",
    ),
    "The defender trains a linear head on the features of clean images. It is convex: there is one best head, and "
    "everything below is measured against it.",
)
_POISON = Explanation(
    lines(
        r"\theta' &= \arg\min_\theta\; F'(\theta), \qquad N = n + m,",
        r"F'(\theta) &= \frac1N \sum_{i=1}^N \mathrm{CE}(\theta; z_i, y_i) + \frac\lambda2 \lVert W \rVert^2,",
        r"z_{n+j} &= f(x_j) \text{ of the poison}",
    ),
    "What the defender gets, as 8-bit images: features are extracted anew and the head is trained from clean and "
    "poisoned images together.",
)
