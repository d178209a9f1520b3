"""Quality of features: accuracy of a kNN classifier and of a linear probe."""

import torch
from torch import Tensor
from torch.nn import functional as F

from core.extractors.features import Scale
from core.heads import logistic as head

NEIGHBOURS = 20
TEMPERATURE = 0.07
ROWS = 1_000
RIDGES = (1e-2, 1e-3, 1e-4, 1e-5)
"""Strongest first, as ties go to the first."""


def knn_accuracy(bank: Tensor, bank_y: Tensor, z: Tensor, y: Tensor, n_classes: int) -> float:
    """Accuracy of the 20 nearest neighbours by cosine, weighted by exp(cosine / 0.07) (Wu et al. 2018).

    Args:
        bank, bank_y: (n, d) features and (n,) labels of the neighbours.
        z, y: (m, d) features and (m,) labels of the points to classify.
        n_classes: c.
    """
    bank = F.normalize(bank, dim=1)
    correct = 0
    for part, labels in zip(torch.split(F.normalize(z, dim=1), ROWS), torch.split(y, ROWS), strict=True):
        near = (part @ bank.T).topk(min(NEIGHBOURS, len(bank)))
        votes = torch.zeros(len(part), n_classes, device=z.device)
        votes.scatter_add_(1, bank_y[near.indices], (near.values / TEMPERATURE).exp())
        correct += int(votes.argmax(1).eq(labels).sum())
    return correct / len(y)


def linear_probe(train: Tensor, train_y: Tensor, z: Tensor, y: Tensor, n_classes: int) -> float:
    """Accuracy of the converged head on scaled features.

    Its λ is the one of `RIDGES` with the best accuracy on the last fifth of the training rows, so that pixels and
    features are each compared at a suitable λ. The head is then fitted on all rows.

    Args:
        train, train_y: (n, d) raw features and (n,) labels to train on.
        z, y: (m, d) raw features and (m,) labels to test on.
        n_classes: c.
    """
    n_validation = max(1, len(train) // 5)
    scale = Scale.fit(train[:-n_validation])
    fitted, validation = scale(train[:-n_validation]), scale(train[-n_validation:])

    def validation_accuracy(ridge: float) -> float:
        theta = head.fit(fitted, train_y[:-n_validation], n_classes, ridge)
        return head.accuracy(theta, validation, train_y[-n_validation:])

    ridge = max(RIDGES, key=validation_accuracy)
    scale = Scale.fit(train)
    return head.accuracy(head.fit(scale(train), train_y, n_classes, ridge), scale(z), y)
