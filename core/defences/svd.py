"""The SVD residual: the part of a point that the main directions of its class do not explain."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet


class SVD(RankedSettings):
    """Points that the main directions of their class do not explain."""

    name: Literal["svd"] = "svd"
    rank: int = Field(10, ge=1, le=1000, description="Main directions of each class.")


def score_function(settings: SVD, data: "TrainingSet") -> "ScoreFunction":
    """The norm of what the main directions of the class leave unexplained."""
    import torch

    fitted: list[tuple[int, Tensor, Tensor]] = []
    for rows in data.classes():
        z = data.z[rows].double()
        mean = z.mean(0)
        _, _, main = torch.linalg.svd(z - mean, full_matrices=False)
        fitted.append((int(data.y[rows[0]]), mean, main[: settings.rank]))

    def residual(z: "Tensor", y: "Tensor") -> "Tensor":
        z = z.double()
        left = torch.zeros_like(z)
        for label, mean, main in fitted:
            rows = y == label
            offset = z[rows] - mean
            left[rows] = offset - (offset @ main.T) @ main
        norms: Tensor = left.norm(dim=1)
        return norms

    return residual


RECORD = DefenceRecord(
    settings=SVD,
    title="SVD residual",
    summary="Removes the points that least resemble the main directions of their class.",
    source="Koh, Steinhardt, Liang 2018.",
    rank=40,
    score_function=score_function,
)
