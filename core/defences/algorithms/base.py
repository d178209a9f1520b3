"""What every defence is given and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.heads import logistic as head


@dataclass(frozen=True)
class TrainingSet:
    """What a defender has: clean points and poison together, in no order that tells them apart.

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
        """The converged head (c, d + 1) of all points, or of some."""
        z, y = (self.z, self.y) if rows is None else (self.z[rows], self.y[rows])
        return head.fit(z, y, self.n_classes, self.ridge, start)

    def losses(self, theta: Tensor) -> Tensor:
        """(N,) cross-entropy of each point under a head."""
        return losses(theta, self.z, self.y)

    def classes(self) -> list[Tensor]:
        """Rows of each class that has any."""
        found = [torch.nonzero(self.y == label).flatten() for label in range(self.n_classes)]
        return [rows for rows in found if len(rows)]


def losses(theta: Tensor, z: Tensor, y: Tensor) -> Tensor:
    """(m,) cross-entropy of features (m, d) with labels (m,) under a head."""
    return torch.nn.functional.cross_entropy(head.logits(theta, z), y, reduction="none")


@dataclass(frozen=True)
class Verdict:
    """What a defence makes of a training set.

    Attributes:
        keep: (N,) bool, the points that the head is trained on.
        suspicion: (N,) float64, the larger the more suspicious.
    """

    keep: Tensor
    suspicion: Tensor


ScoreFunction = Callable[[Tensor, Tensor], Tensor]
"""Suspicion (m,) float64 of features (m, d) with labels (m,), convex in them and differentiable almost everywhere.

Labels of which there was no point are not suspicious: 0.
"""


def without_top(data: TrainingSet, suspicion: Tensor, share: float) -> Tensor:
    """(N,) bool: false for the share of each class that is most suspicious."""
    keep = torch.ones(len(data.y), dtype=torch.bool, device=data.y.device)
    for rows in data.classes():
        keep[rows[suspicion[rows].topk(round(share * len(rows))).indices]] = False
    return keep
