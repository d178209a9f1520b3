"""Centres of classes."""

import torch
from torch import Tensor

from core.defences.algorithms.base import TrainingSet


def centres(data: TrainingSet) -> Tensor:
    """(c, d) centre of each class: the median of each coordinate, robust to outliers; NaN for an empty class."""
    medians = torch.full((data.n_classes, data.z.shape[1]), torch.nan, dtype=torch.float64, device=data.z.device)
    for rows in data.classes():
        medians[data.y[rows[0]]] = data.z[rows].double().median(dim=0).values
    return medians
