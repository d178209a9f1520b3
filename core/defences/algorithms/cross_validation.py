"""Cross-validation: heads of all folds but one, and what they say of the points that they have not seen."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from core.defences.algorithms.base import TrainingSet
from core.heads import logistic as head


def fold_heads(data: TrainingSet, folds: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each fold, its points (N,) bool and the head (c, d + 1) of the other folds; row i is in fold i % folds."""
    fold = torch.arange(len(data.y), device=data.y.device) % folds
    theta: Tensor | None = None
    for i in range(folds):
        theta = data.fit(torch.nonzero(fold != i).flatten(), theta)
        yield fold == i, theta


def held_out_logits(data: TrainingSet, folds: int) -> Tensor:
    """(N, c) float64 logits of each point by the head of the folds that it is not in."""
    logits = torch.zeros(len(data.y), data.n_classes, dtype=torch.float64, device=data.y.device)
    for rows, theta in fold_heads(data, folds):
        logits[rows] = head.logits(theta, data.z[rows]).double()
    return logits


def held_out_probabilities(data: TrainingSet, folds: int) -> Any:
    """(N, c) NumPy array: the probabilities of each point by a head of the other folds."""
    return torch.softmax(held_out_logits(data, folds), dim=1).cpu().numpy()
