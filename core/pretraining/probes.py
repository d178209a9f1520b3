"""How good features are: neighbours' votes, and the linear head that this project is about."""

import torch
from torch import Tensor
from torch.nn import functional as F

from core.extractors.features import Scale
from core.heads import logistic as head

NEIGHBOURS = 20
TEMPERATURE = 0.07
ROWS = 1_000
RIDGES = (1e-2, 1e-3, 1e-4, 1e-5)
"""Strongest first: of two that do as well, the first counts."""


def knn_accuracy(bank: Tensor, bank_y: Tensor, z: Tensor, y: Tensor, n_classes: int) -> float:
    """Accuracy of the 20 nearest neighbours by cosine, weighted by exp(cosine / 0.07) (Wu et al. 2018).

    Args:
        bank, bank_y: features (n, d) and labels (n,) that vote.
        z, y: features (m, d) and labels (m,) to tell.
    """
    bank = F.normalize(bank, dim=1)
    right = 0
    for part, labels in zip(torch.split(F.normalize(z, dim=1), ROWS), torch.split(y, ROWS), strict=True):
        near = (part @ bank.T).topk(min(NEIGHBOURS, len(bank)))
        votes = torch.zeros(len(part), n_classes, device=z.device)
        votes.scatter_add_(1, bank_y[near.indices], (near.values / TEMPERATURE).exp())
        right += int(votes.argmax(1).eq(labels).sum())
    return right / len(y)


def linear_probe(train: Tensor, train_y: Tensor, z: Tensor, y: Tensor, n_classes: int) -> float:
    """Accuracy of the converged head on scaled features; arguments as for `knn_accuracy`.

    Its λ is the one of `RIDGES` that does best on the last fifth of the training rows, fitted on the others: what is
    compared, pixels or features, each has the λ that suits it. The head is then fitted on all of them.
    """
    held_out = max(1, len(train) // 5)
    scale = Scale.fit(train[:-held_out])
    fitted, told = scale(train[:-held_out]), scale(train[-held_out:])

    def told_right(ridge: float) -> float:
        return head.accuracy(head.fit(fitted, train_y[:-held_out], n_classes, ridge), told, train_y[-held_out:])

    ridge = max(RIDGES, key=told_right)
    scale = Scale.fit(train)
    return head.accuracy(head.fit(scale(train), train_y, n_classes, ridge), scale(z), y)
