"""The loss of each point under the head trained on all of them."""

from typing import TYPE_CHECKING, Literal

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from core.defences.algorithms.base import ScoreFunction, TrainingSet


class Loss(RankedSettings):
    """Points that the head trained with all of them finds hardest."""

    name: Literal["loss"] = "loss"


def score_function(settings: Loss, data: "TrainingSet") -> "ScoreFunction":
    """The cross-entropy of points under the head trained on the whole set."""
    from functools import partial

    from core.defences.algorithms.base import losses

    return partial(losses, data.fit())


RECORD = DefenceRecord(
    settings=Loss,
    title="Loss",
    summary="Removes the points that the trained head finds hardest.",
    source="Koh, Steinhardt, Liang 2018.",
    rank=60,
    score_function=score_function,
)
