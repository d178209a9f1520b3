"""Exact nearest neighbours, computed in blocks of rows."""

import torch
from torch import Tensor

_ROWS = 1_000
"""Rows of the distance matrix in memory at once."""


def neighbours(z: Tensor, k: int, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The k nearest neighbours of each point, excluding the point itself.

    Args:
        z: (n, d) points.
        k: number of neighbours.
        rows: (m,) int64, the points whose neighbours are wanted; None: all.

    Returns:
        Rows (m, k) int64, nearest first, and distances (m, k).
    """
    nearest = []
    for part in torch.split(torch.arange(len(z), device=z.device) if rows is None else rows, _ROWS):
        distance = torch.cdist(z[part], z)
        distance[torch.arange(len(part), device=z.device), part] = torch.inf
        nearest.append(distance.topk(min(k, len(z) - 1), largest=False))
    return torch.cat([part.indices for part in nearest]), torch.cat([part.values for part in nearest])
