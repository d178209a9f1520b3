"""Defences that look at where points lie, class by class."""

import torch
from torch import Tensor

from core.defences.base import Defence, Ranking, TrainingSet, Verdict
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


class SphereDefence(Ranking):
    """Distance to the centre of the class."""

    def suspicion(self, data: TrainingSet) -> Tensor:
        """(N,) distances."""
        distance: Tensor = (data.z.double() - centres(data)[data.y]).norm(dim=1)
        return distance


class SlabDefence(Ranking):
    """Distance to the centre of the class along the line to another class's centre; of all others, the largest."""

    def suspicion(self, data: TrainingSet) -> Tensor:
        """(N,) distances."""
        middle, z = centres(data), data.z.double()
        found = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        for rows in data.classes():
            label = data.y[rows[0]]
            lines = middle[label] - torch.cat([middle[:label], middle[label + 1 :]])
            lines = lines / lines.norm(dim=1, keepdim=True).clamp_min(1e-12)
            along = ((z[rows] - middle[label]) @ lines.nan_to_num().T).abs()
            found[rows] = along.amax(1)
        return found


class SVDDefence(Ranking):
    """What is left of a point after the main directions of its class."""

    def suspicion(self, data: TrainingSet) -> Tensor:
        """(N,) norms of the residuals."""
        found = torch.zeros(len(data.z), dtype=torch.float64, device=data.z.device)
        for rows in data.classes():
            z = data.z[rows].double()
            z = z - z.mean(0)
            _, _, main = torch.linalg.svd(z, full_matrices=False)
            main = main[: self.spec.rank]
            found[rows] = (z - (z @ main.T) @ main).norm(dim=1)
        return found
