"""Defences that look at where points lie, class by class."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.defences.base import Defence, Gauge, Gauged, TrainingSet, Verdict
from core.extractors.features import STD_FLOOR

EDGE = 0.1
"""Part of the points at either end that the range leaves out: as much poison can't widen it."""


def centres(data: TrainingSet) -> Tensor:
    """(c, d) the middle of each class: the median of each coordinate, which few far points can't move; NaN of none."""
    found = torch.full((data.n_classes, data.z.shape[1]), torch.nan, dtype=torch.float64, device=data.z.device)
    for rows in data.classes():
        found[data.y[rows[0]]] = data.z[rows].double().median(dim=0).values
    return found


class RangeDefence(Defence):
    """Far outside of the range that most points span, in any coordinate."""

    def judge(self, data: TrainingSet) -> Verdict:
        """Measure by how many widths of the range, beside the same of the middle point.

        In many dimensions every point is outside somewhere.
        """
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
        return Verdict(suspicion <= self.spec.tolerance, suspicion)


class SphereDefence(Gauged):
    """Distance to the centre of the class."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Distances."""
        middle = centres(data)

        def distance(z: Tensor, y: Tensor) -> Tensor:
            found: Tensor = (z.double() - middle[y]).norm(dim=1)
            return found

        return distance


class SlabDefence(Gauged):
    """Distance to the centre of the class along the line to another class's centre; of all others, the largest."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Distances."""
        middle = centres(data)

        def along(z: Tensor, label: int) -> Tensor:
            lines = middle[label] - middle
            # No line leads from a centre to itself, nor to that of a class without points.
            lines = (lines / lines.norm(dim=1, keepdim=True).clamp_min(1e-12)).nan_to_num()
            found: Tensor = ((z - middle[label]) @ lines.T).abs().amax(1)
            return found

        return _by_class(along)


class SVDDefence(Gauged):
    """What is left of a point after the main directions of its class."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Norms of the residuals."""
        fitted: dict[int, tuple[Tensor, Tensor]] = {}
        for rows in data.classes():
            z = data.z[rows].double()
            mean = z.mean(0)
            _, _, main = torch.linalg.svd(z - mean, full_matrices=False)
            fitted[int(data.y[rows[0]])] = mean, main[: self.spec.rank]

        def residual(z: Tensor, label: int) -> Tensor:
            mean, main = fitted[label]
            z = z - mean
            found: Tensor = (z - (z @ main.T) @ main).norm(dim=1)
            return found

        return _by_class(residual)


def _by_class(measure: Callable[[Tensor, int], Tensor]) -> Gauge:
    """The gauge that takes the points (m, d) of one label after another, in float64, to the measure of that label."""

    def gauge(z: Tensor, y: Tensor) -> Tensor:
        found = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        for label in torch.unique(y).tolist():
            rows = y == label
            found[rows] = measure(z[rows].double(), label)
        return found

    return gauge
