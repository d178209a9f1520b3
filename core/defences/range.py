"""The range check: far outside of the range that most points span, in any coordinate."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import DefenceSettings

if TYPE_CHECKING:
    from core.defences.algorithms.base import TrainingSet, Verdict


EDGE = 0.1
"""Part of the points at either end that the range leaves out: as much poison can't widen it."""


class Range(DefenceSettings):
    """Points of which a coordinate lies far outside of the others' range."""

    name: Literal["range"] = "range"
    tolerance: float = Field(4.0, gt=1, le=100, description="How many times as far outside as the middle point.")


def judge(settings: Range, data: "TrainingSet") -> "Verdict":
    """Measure by how many widths of the range, beside the same of the middle point.

    In many dimensions every point is outside somewhere.
    """
    import torch

    from core.defences.algorithms.base import Verdict
    from core.extractors.features import STD_FLOOR

    z = data.z.double()
    # kthvalue, as quantile refuses large tensors; of both ends the same number of points.
    n = len(z)
    edge = max(1, round(EDGE * n))
    low, high = z.kthvalue(edge, dim=0).values, z.kthvalue(n + 1 - edge, dim=0).values
    # Most coordinates of sparse features are the same for nearly all points: there the deviation is the width.
    deviation = z.std(0)
    width = torch.maximum(high - low, deviation.clamp_min(STD_FLOOR * float(deviation.median())))
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
