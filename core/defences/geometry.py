"""Defences that look at where points lie, class by class."""

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
            found: Tensor = (z.double() - middle[y]).nan_to_num().norm(dim=1)
            return found

        return distance


class SlabDefence(Gauged):
    """Distance to the centre of the class along the line to another class's centre; of all others, the largest."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Distances."""
        middle = centres(data)
        # No line leads from a centre to itself, nor to that of a class without points.
        length = torch.cdist(middle, middle, compute_mode="donot_use_mm_for_euclid_dist")
        length = torch.where(length > 0, length, torch.inf)

        def along(z: Tensor, y: Tensor) -> Tensor:
            own = middle[y]
            offset = (z.double() - own).nan_to_num()
            # Of each offset <offset, own - other>, for all others at once.
            products = (offset * own.nan_to_num()).sum(1, keepdim=True) - offset @ middle.nan_to_num().T
            return (products / length[y]).abs().amax(1)

        return along


class SVDDefence(Gauged):
    """What is left of a point after the main directions of its class."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Norms of the residuals."""
        fitted: list[tuple[int, Tensor, Tensor]] = []
        for rows in data.classes():
            z = data.z[rows].double()
            mean = z.mean(0)
            _, _, main = torch.linalg.svd(z - mean, full_matrices=False)
            fitted.append((int(data.y[rows[0]]), mean, main[: self.spec.rank]))

        def residual(z: Tensor, y: Tensor) -> Tensor:
            z = z.double()
            left = torch.zeros_like(z)
            for label, mean, main in fitted:
                rows = y == label
                offset = z[rows] - mean
                left[rows] = offset - (offset @ main.T) @ main
            found: Tensor = left.norm(dim=1)
            return found

        return residual
