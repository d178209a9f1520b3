"""Where the classes lie."""

import torch
from torch import Tensor

from core.defences.algorithms.base import TrainingSet


def centres(data: TrainingSet) -> Tensor:
    """(c, d) the middle of each class: the median of each coordinate, which few far points can't move; NaN of none."""
    found = torch.full((data.n_classes, data.z.shape[1]), torch.nan, dtype=torch.float64, device=data.z.device)
    for rows in data.classes():
        found[data.y[rows[0]]] = data.z[rows].double().median(dim=0).values
    return found
