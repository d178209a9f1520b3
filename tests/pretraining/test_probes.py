"""Probes against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from core.extractors.features import Scale
from core.pretraining.probes import NEIGHBOURS, RIDGES, TEMPERATURE, knn_accuracy, linear_probe


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    x, y = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    return x[:500].float(), y[:500], x[500:1700].float(), y[500:1700]


def test_knn_is_scikit_learns() -> None:
    bank, bank_y, z, y = digits()
    model = KNeighborsClassifier(
        NEIGHBOURS, metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / TEMPERATURE)
    )
    expected = model.fit(bank.numpy(), bank_y.numpy()).score(z.numpy(), y.numpy())
    assert knn_accuracy(bank, bank_y, z, y, 10) == pytest.approx(expected, abs=2 / len(y))


def test_the_linear_probe_is_scikit_learns_with_a_held_out_choice_of_ridge() -> None:
    train, train_y, z, y = digits()

    def score(rows: slice, ridge: float, queries: torch.Tensor, query_y: torch.Tensor) -> float:
        scale, labels = Scale.fit(train[rows]), train_y[rows]
        model = LogisticRegression(C=1 / (len(labels) * ridge), tol=1e-10, max_iter=10_000)
        model.fit(scale(train[rows]).double().numpy(), labels.numpy())
        return float(model.score(scale(queries).double().numpy(), query_y.numpy()))

    best = max(RIDGES, key=lambda ridge: score(slice(0, 400), ridge, train[400:], train_y[400:]))
    assert best != RIDGES[0]
    assert linear_probe(train, train_y, z, y, 10) == pytest.approx(score(slice(0, 500), best, z, y), abs=1e-12)
