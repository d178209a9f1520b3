"""The input and the output of every defence."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.heads import logistic as head


@dataclass(frozen=True)
class TrainingSet:
    """The defender's training set: clean and poisoned points together, in an order that does not reveal which is which.

    Attributes:
        z: (N, d) float32 features.
        y: (N,) int64 labels in [0, n_classes).
        n_classes: c.
        ridge: λ of the head.
    """

    z: Tensor
    y: Tensor
    n_classes: int
    ridge: float

    def fit(self, rows: Tensor | None = None, start: Tensor | None = None) -> Tensor:
        """The converged head (c, d + 1) of all points, or of rows (k,), from an initial head `start` (c, d + 1)."""
        z, y = (self.z, self.y) if rows is None else (self.z[rows], self.y[rows])
        return head.fit(z, y, self.n_classes, self.ridge, start)

    def losses(self, theta: Tensor) -> Tensor:
        """(N,) cross-entropy of each point under a head (c, d + 1)."""
        return losses(theta, self.z, self.y)

    def classes(self) -> list[Tensor]:
        """The rows (k,) int64 of each class that has points; one tensor for each, (k_1,), (k_2,), ..."""
        rows_of = [torch.nonzero(self.y == label).flatten() for label in range(self.n_classes)]
        return [rows for rows in rows_of if len(rows)]


def losses(theta: Tensor, z: Tensor, y: Tensor) -> Tensor:
    """(m,) cross-entropy of each point under a head.

    Args:
        theta: (c, d + 1) head.
        z: (m, d) features.
        y: (m,) labels.
    """
    return torch.nn.functional.cross_entropy(head.logits(theta, z), y, reduction="none")


@dataclass(frozen=True)
class Verdict:
    """The decision of a defence on a training set.

    Attributes:
        keep: (N,) bool, whether the head is trained on a point.
        suspicion: (N,) float64, larger for more suspicious points.
    """

    keep: Tensor
    suspicion: Tensor


ScoreFunction = Callable[[Tensor, Tensor], Tensor]
"""Suspicion (m,) float64 of features (m, d) with labels (m,), convex in them and differentiable almost everywhere.

It is 0 for labels that had no point when it was fitted.
"""


def without_top(data: TrainingSet, suspicion: Tensor, share: float) -> Tensor:
    """(N,) bool: false for the most suspicious points of each class.

    Args:
        data: the training set.
        suspicion: (N,) of its points.
        share: fraction of each class to remove.
    """
    keep = torch.ones(len(data.y), dtype=torch.bool, device=data.y.device)
    for rows in data.classes():
        keep[rows[suspicion[rows].topk(round(share * len(rows))).indices]] = False
    return keep
