"""The range check: points far outside the range of most others, in any coordinate."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import DefenceSettings

if TYPE_CHECKING:
    from core.defences.algorithms.base import TrainingSet, Verdict


EDGE = 0.1
"""Share of the points at either end that the range leaves out: that much poison can't widen it."""


class Range(DefenceSettings):
    """Points of which a coordinate lies far outside of the others' range."""

    name: Literal["range"] = "range"
    tolerance: float = Field(4.0, gt=1, le=100, description="How many times as far outside as the middle point.")


def judge(settings: Range, data: "TrainingSet") -> "Verdict":
    """Remove points that are outside by more than `tolerance` times the median.

    A point's distance is measured in widths of the range. In many dimensions every point is outside in some coordinate,
    hence the comparison with the median.
    """
    import torch

    from core.defences.algorithms.base import Verdict
    from core.extractors.features import STD_FLOOR

    z = data.z.double()
    # kthvalue, as quantile rejects large tensors; the same number of points at both ends.
    n = len(z)
    edge = max(1, round(EDGE * n))
    low, high = z.kthvalue(edge, dim=0).values, z.kthvalue(n + 1 - edge, dim=0).values
    # Most coordinates of sparse features are equal for nearly all points: there the deviation serves as the width.
    deviation = z.std(0)
    width = torch.maximum(high - low, deviation.clamp_min(STD_FLOOR * float(deviation.median())))
    # The width is 0 where all points are equal, the poisoned ones included: none of them is outside.
    width = torch.where(width > 0, width, torch.inf)
    outside = torch.maximum((z - high) / width, (low - z) / width).amax(1).clamp_min(0.0)
    suspicion = outside / outside.median().clamp_min(1e-12)
    return Verdict(suspicion <= settings.tolerance, suspicion)


RECORD = DefenceRecord(
    settings=Range,
    title="Range check",
    summary="Removes points with a feature far outside of the range of the others.",
    source="Common practice.",
    rank=10,
    judge=judge,
)
