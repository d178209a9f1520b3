"""Outliers among the gradients of a class.

The gradient of a point in theta is the outer product of its error (c,) and its features (d + 1,). The N c (d + 1)
numbers are never stored: the singular vector is computed from products with them.
"""

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from core.defences.algorithms.base import TrainingSet
from core.heads import logistic as head

EQUAL = 1e-14
"""Gradients count as equal if the squares of their differences are less than this part of their largest square."""


def gradient_outliers(data: TrainingSet, theta: Tensor) -> Tensor:
    """(N,) squared projection of each point's centred gradient on the first singular direction of its class.

    The gradients are those of the loss at a head theta (c, d + 1).
    """
    z1 = head.with_ones(data.z)
    residual = head.errors(torch.softmax(z1 @ theta.T, dim=1), data.y)
    projections = torch.zeros(len(data.y), dtype=torch.float64, device=data.y.device)
    for rows in data.classes():
        if len(rows) > 1:
            projections[rows] = _on_first_direction(residual[rows], z1[rows])
    return projections


def _on_first_direction(residual: Tensor, z1: Tensor) -> Tensor:
    """(k,) squared projections of the centred rows residual_i ⊗ z1_i on their first singular vector.

    The residual is (k, c) and z1 is (k, d + 1). Equal rows, as of a class whose features are all equal, have no
    direction: their projections are 0.
    """
    k, c, width = len(z1), residual.shape[1], z1.shape[1]
    mean = residual.T @ z1 / k
    squares = residual.square().sum(1) * z1.square().sum(1)
    centred = squares - 2 * ((residual @ mean) * z1).sum(1) + mean.square().sum()
    if bool((centred <= EQUAL * squares.max()).all()):
        return torch.zeros(k, dtype=torch.float64, device=z1.device)

    def project(v: Any) -> Any:
        direction = torch.as_tensor(np.ravel(v), dtype=torch.float64, device=z1.device).reshape(c, width)
        along = (residual * (z1 @ direction.T)).sum(1) - (mean * direction).sum()
        return along.cpu().numpy()

    def transposed(u: Any) -> Any:
        weights = torch.as_tensor(np.ravel(u), dtype=torch.float64, device=z1.device)
        back = (residual * weights[:, None]).T @ z1 - weights.sum() * mean
        return back.flatten().cpu().numpy()

    gradients = LinearOperator((k, c * width), matvec=project, rmatvec=transposed, dtype=np.float64)
    # Random, as the centred rows map a constant vector to 0.
    start = np.random.default_rng(0).standard_normal(min(k, c * width))
    u, s, _ = svds(gradients, k=1, v0=start)
    return torch.as_tensor(np.square(u[:, 0] * s[0]), device=z1.device)
