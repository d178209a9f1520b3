"""The slab: distance to the centre of the class along the lines to the other classes' centres."""

from typing import TYPE_CHECKING, Literal

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet


class Slab(RankedSettings):
    """Points far from the centre of their class along the lines to the other classes' centres."""

    name: Literal["slab"] = "slab"


def score_function(settings: Slab, data: "TrainingSet") -> "ScoreFunction":
    """The largest distance from the centre of the class along a line to another class's centre."""
    import torch

    from core.defences.algorithms.geometry import centres

    middle = centres(data)
    # There is no line from a centre to itself, nor to that of a class without points.
    length = torch.cdist(middle, middle, compute_mode="donot_use_mm_for_euclid_dist")
    length = torch.where(length > 0, length, torch.inf)

    def along(z: "Tensor", y: "Tensor") -> "Tensor":
        own = middle[y]
        offset = (z.double() - own).nan_to_num()
        # Of each offset <offset, own - other>, for all others at once.
        products = (offset * own.nan_to_num()).sum(1, keepdim=True) - offset @ middle.nan_to_num().T
        return (products / length[y]).abs().amax(1)

    return along


RECORD = DefenceRecord(
    settings=Slab,
    title="Slab",
    summary="Removes the points that lean most towards, or away from, another class.",
    source="Steinhardt, Koh, Liang 2017; for many classes, ours.",
    rank=30,
    score_function=score_function,
)
