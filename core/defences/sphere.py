"""The sphere: distance to the centre of the class."""

from typing import TYPE_CHECKING, Literal

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet


class Sphere(RankedSettings):
    """Points far from the centre of their class."""

    name: Literal["sphere"] = "sphere"


def score_function(settings: Sphere, data: "TrainingSet") -> "ScoreFunction":
    """The distance of points from the centre of their class."""
    from core.defences.algorithms.geometry import centres

    middle = centres(data)

    def distance(z: "Tensor", y: "Tensor") -> "Tensor":
        norms: Tensor = (z.double() - middle[y]).nan_to_num().norm(dim=1)
        return norms

    return distance


RECORD = DefenceRecord(
    settings=Sphere,
    title="Sphere",
    summary="Removes the points farthest from the centre of their class.",
    source="Steinhardt, Koh, Liang 2017.",
    rank=20,
    score_function=score_function,
)
