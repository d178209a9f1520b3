"""Neighbours' labels: points whose nearest neighbours have other labels."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import TrainingSet


class KNN(RankedSettings):
    """Points whose nearest neighbours have other labels."""

    name: Literal["knn"] = "knn"
    k: int = Field(10, ge=1, le=1000, description="Neighbours that are asked.")


def suspicion(settings: KNN, data: "TrainingSet") -> "Tensor":
    """(N,) in [0, 1]: share of neighbours with another label, weighted by inverse distance, which also breaks ties."""
    from core.heads.neighbours import neighbours

    near, distance = neighbours(data.z, settings.k)
    weight = 1.0 / distance.double().clamp_min(1e-9)
    other = data.y[near] != data.y[:, None]
    return (weight * other).sum(1) / weight.sum(1)


RECORD = DefenceRecord(
    settings=KNN,
    title="Neighbours' labels",
    summary="Removes the points whose neighbours have other labels.",
    source="Paudice, Muñoz-González, Lupu 2018.",
    rank=50,
    suspicion=suspicion,
)
