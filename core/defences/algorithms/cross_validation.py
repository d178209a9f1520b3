"""Cross-validated class probabilities."""

from typing import Any

import torch
from torch import Tensor

from core.defences.algorithms.base import TrainingSet
from core.heads import logistic as head


def held_out_probabilities(data: TrainingSet, folds: int) -> Any:
    """(N, c) NumPy array: the probabilities of each point by a head of the other folds; row i is in fold i % folds."""
    fold = torch.arange(len(data.y), device=data.y.device) % folds
    p = torch.zeros(len(data.y), data.n_classes, dtype=torch.float64, device=data.y.device)
    theta: Tensor | None = None
    for i in range(folds):
        theta = data.fit(torch.nonzero(fold != i).flatten(), theta)
        p[fold == i] = torch.softmax(head.logits(theta, data.z[fold == i]), dim=1)
    return p.cpu().numpy()
