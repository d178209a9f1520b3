"""The trimmed head: alternately train, and keep the points with the smallest losses; the trimmed loss never rises."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import SHARE, DefenceSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import TrainingSet, Verdict


MAX_FITS = 30


class Trim(DefenceSettings):
    """A head trained on the points that it finds easiest, until these stay the same."""

    name: Literal["trim"] = "trim"
    share: float = Field(SHARE, gt=0, le=0.5, description="Part of the training set that is left out.")


def judge(settings: Trim, data: "TrainingSet") -> "Verdict":
    """Alternate between training and selecting until the selection repeats."""
    import torch

    from core.defences.algorithms.base import Verdict

    n_kept = len(data.y) - round(settings.share * len(data.y))
    theta = data.fit()
    kept = _easiest(data.losses(theta), n_kept)
    for _ in range(MAX_FITS):
        theta = data.fit(kept, theta)
        again = _easiest(data.losses(theta), n_kept)
        if torch.equal(again, kept):
            break
        kept = again
    keep = torch.zeros(len(data.y), dtype=torch.bool, device=data.y.device)
    keep[kept] = True
    return Verdict(keep, data.losses(theta))


def _easiest(losses: "Tensor", count: int) -> "Tensor":
    return losses.topk(count, largest=False).indices.sort().values


RECORD = DefenceRecord(
    settings=Trim,
    title="Trimmed head",
    summary="Trains on the points that fit together best and leaves the rest out.",
    source="Jagielski et al. 2018.",
    rank=80,
    judge=judge,
)
