"""Probabilities that heads give points which they were not trained on."""

from typing import Any

import torch
from torch import Tensor

from core.defences.algorithms.base import TrainingSet
from core.heads import logistic as head


def held_out_probabilities(data: TrainingSet, folds: int) -> Any:
    """(N, c) NumPy: each point by a head of the other folds; a row's fold is its place modulo their number."""
    fold = torch.arange(len(data.y), device=data.y.device) % folds
    p = torch.zeros(len(data.y), data.n_classes, dtype=torch.float64, device=data.y.device)
    theta: Tensor | None = None
    for one in range(folds):
        theta = data.fit(torch.nonzero(fold != one).flatten(), theta)
        p[fold == one] = torch.softmax(head.logits(theta, data.z[fold == one]), dim=1)
    return p.cpu().numpy()
