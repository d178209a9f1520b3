"""UMAP's graph (McInnes, Healy, Melville 2018): fuzzy memberships of each point's neighbours, and their union."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_HALVINGS = 64
_MIN_SCALE = 1e-3
"""Smallest scale of a point's memberships, as a share of the mean distance to its neighbours."""


@dataclass(frozen=True)
class Graph:
    """A symmetric weighted graph of n points, by rows, as in a CSR matrix.

    Attributes:
        start: (n + 1,) int64; the edges of point i are `start[i]` to `start[i + 1]`.
        target: (E,) int64, the point at the other end of each edge, in ascending order within a row.
        weight: (E,) memberships in (0, 1].
    """

    start: Tensor
    target: Tensor
    weight: Tensor

    @property
    def source(self) -> Tensor:
        """(E,) int64, the point at the beginning of each edge."""
        degree = self.start.diff()
        return torch.arange(len(degree), device=degree.device).repeat_interleave(degree)


def memberships(distance: Tensor) -> Tensor:
    """Membership of each neighbour: exp(-(d - ρ) / σ), 1 up to the distance ρ of the nearest distinct one.

    σ is chosen for each point so that its memberships sum to log₂(k + 1), as in umap-learn, which counts the point
    itself among its neighbours.

    Args:
        distance: (m, k) distances to each point's neighbours, nearest first.

    Returns:
        (m, k) memberships in [0, 1].
    """
    k = distance.shape[1]
    rho = torch.where(distance > 0, distance, torch.inf).amin(1, keepdim=True)
    rho = torch.where(rho.isinf(), 0.0, rho)
    excess = (distance - rho).clamp_min(0)
    low, scale, high = torch.zeros_like(rho), torch.ones_like(rho), torch.full_like(rho, torch.inf)
    for _ in range(_HALVINGS):
        is_wide = torch.exp(-excess / scale).sum(1, keepdim=True) > math.log2(k + 1)
        high, low = torch.where(is_wide, scale, high), torch.where(is_wide, low, scale)
        scale = torch.where(high.isinf(), 2 * scale, (low + high) / 2)
    # The mean counts the point itself, at distance 0.
    own = distance.sum(1, keepdim=True) / (k + 1)
    floor = torch.where(rho > 0, own, own.mean())
    return torch.exp(-excess / torch.maximum(scale, _MIN_SCALE * floor).clamp_min(torch.finfo(distance.dtype).tiny))


def fuzzy_union(near: Tensor, membership: Tensor) -> Graph:
    """The graph in which i and j are joined by a + b - ab, the memberships of j for i and of i for j.

    Args:
        near: (n, k) int64, the neighbours of each point.
        membership: (n, k) of each neighbour.
    """
    n, k = near.shape
    source = torch.arange(n, device=near.device).repeat_interleave(k)
    there, back = source * n + near.flatten(), near.flatten() * n + source
    edges, place = torch.unique(torch.cat([there, back]), return_inverse=True)
    one = torch.zeros(len(edges), dtype=membership.dtype, device=near.device)
    # Each pair occurs at most once in either direction: no sum, hence no order of summation.
    a = one.scatter(0, place[: n * k], membership.flatten())
    b = one.scatter(0, place[n * k :], membership.flatten())
    weight = a + b - a * b
    edges, weight = edges[weight > 0], weight[weight > 0]
    start = torch.zeros(n + 1, dtype=torch.int64, device=near.device)
    start[1:] = torch.bincount(edges // n, minlength=n).cumsum(0)
    return Graph(start, edges % n, weight)
