"""Nearest neighbours by all distances, some rows at a time."""

import torch
from torch import Tensor

_ROWS = 1_000
"""Points whose distances to all others are held at once."""


def neighbours(z: Tensor, k: int, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The k points nearest to each point, itself left out.

    Args:
        z: points (n, d).
        rows: (m,) int64, only of these points; None: of all.

    Returns:
        Rows (m, k) int64, nearest first, and distances (m, k).
    """
    found = []
    for part in torch.split(torch.arange(len(z), device=z.device) if rows is None else rows, _ROWS):
        distance = torch.cdist(z[part], z)
        distance[torch.arange(len(part), device=z.device), part] = torch.inf
        found.append(distance.topk(min(k, len(z) - 1), largest=False))
    return torch.cat([part.indices for part in found]), torch.cat([part.values for part in found])
