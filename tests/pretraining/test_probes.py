"""Probes against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from core.extractors.features import Scale
from core.pretraining.probes import NEIGHBOURS, TEMPERATURE, knn_accuracy, linear_probe


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


def test_the_linear_probe_is_scikit_learns() -> None:
    train, train_y, z, y = digits()
    scale = Scale.fit(train)
    model = LogisticRegression(C=1 / (500 * 1e-3), tol=1e-10, max_iter=10_000)
    expected = model.fit(scale(train).double().numpy(), train_y.numpy()).score(scale(z).double().numpy(), y.numpy())
    assert linear_probe(train, train_y, z, y, 10) == pytest.approx(expected, abs=1e-12)
