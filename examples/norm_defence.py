"""A plug-in with a defence: leave out the points whose features are longest.

    python -m core defend runs/first --plugin examples/norm_defence.py --with norm:share=0.1

A `score_function` is fitted to a training set and could then be held to any other point, so that attacks can be made to
pass this defence: `--evade norm`. docs/extending.md walks through this file.
"""

from typing import TYPE_CHECKING, Literal

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet

INTERFACE = 1


class Norm(RankedSettings):
    """Points with long feature vectors."""

    name: Literal["norm"] = "norm"


def score_function(settings: Norm, data: "TrainingSet") -> "ScoreFunction":
    """Euclidean lengths; there is nothing to fit."""

    def length(z: "Tensor", y: "Tensor") -> "Tensor":
        lengths: Tensor = z.double().norm(dim=1)
        return lengths

    return length


RECORD = DefenceRecord(
    settings=Norm,
    title="Norm",
    summary="Removes the points with the longest feature vectors.",
    source="An example.",
    score_function=score_function,
)
