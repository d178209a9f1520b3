"""Sever: outliers among the gradients of a class, far along the direction in which they vary most."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import TrainingSet, Verdict


class Sever(RankedSettings):
    """Points whose gradients stretch those of their class in one direction."""

    name: Literal["sever"] = "sever"
    rounds: int = Field(4, ge=1, le=20, description="Rounds, each with a head trained again and its part of the share.")


def judge(settings: Sever, data: "TrainingSet") -> "Verdict":
    """Remove outliers in rounds, each with the head of the points that are left."""
    import torch

    from core.defences.algorithms.base import TrainingSet, Verdict
    from core.defences.algorithms.gradients import gradient_outliers

    keep = torch.ones(len(data.y), dtype=torch.bool, device=data.y.device)
    suspicion = torch.zeros(len(data.y), dtype=torch.float64, device=data.y.device)
    theta: Tensor | None = None
    for done in range(settings.rounds):
        rows = torch.nonzero(keep).flatten()
        left = TrainingSet(data.z[rows], data.y[rows], data.n_classes, data.ridge)
        theta = left.fit(start=theta)
        score = gradient_outliers(left, theta)
        # In [0, 1] for kept points, above it for removed ones: the earlier removed, the larger.
        suspicion[rows] = score / score.max().clamp_min(1e-300)
        for members in data.classes():
            kept = members[keep[members]]
            # After round r the class has lost r parts of the share, rounded as a whole.
            quota = round(settings.share * len(members) * (done + 1) / settings.rounds)
            removed = kept[suspicion[kept].topk(quota - (len(members) - len(kept))).indices]
            suspicion[removed] += settings.rounds - done
            keep[removed] = False
    return Verdict(keep, suspicion)


RECORD = DefenceRecord(
    settings=Sever,
    title="Sever",
    summary="Removes the points that pull the head most in one common direction.",
    source="Diakonikolas et al. 2019.",
    rank=70,
    judge=judge,
)
