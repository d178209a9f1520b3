"""Exact nearest neighbours, computed in blocks of rows by matrix products."""

import torch
from torch import Tensor

_CELLS = 1 << 24
"""Entries of the distance matrix in memory at once, at most."""
_BLOCK = 32
"""Columns of which only the smallest entry is looked at first."""
_PROJECTED = 192
"""Principal components on which neighbours of many points are sought before their distances are computed in full."""
_SPARE = 8
"""Candidates beyond the wanted neighbours, since a matrix product rounds."""
_MANY = 4_096
"""Number of points from which on the search goes by principal components."""
_GATHERED = 1 << 20
"""Coordinates of candidates in memory at once, at most: few enough for a processor's cache."""


def neighbours(z: Tensor, k: int, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The k nearest neighbours of each point, excluding the point itself.

    Args:
        z: (n, d) points.
        k: number of neighbours; with fewer than k other points, all of them.
        rows: (m,) int64, the points whose neighbours are wanted; None: all.

    Returns:
        Rows (m, k) int64, nearest first, and distances (m, k).
    """
    rows = torch.arange(len(z), device=z.device) if rows is None else rows
    return nearest(z[rows], z, min(k, len(z) - 1), excluded=rows)


def nearest(points: Tensor, pool: Tensor, k: int, excluded: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The k points of a pool nearest to each point, exactly: ties and rounding apart, those of all distances.

    With many points in many dimensions, candidates are found on the leading principal components, where no distance is
    larger than the true one. If the k-th true distance among the candidates is below every other point's distance
    there, no other point can be nearer; the few points for which this can't be shown are compared with the whole pool.

    Args:
        points: (m, d) the points whose neighbours are wanted.
        pool: (n, d) the points to choose from.
        k: number of neighbours, at most n (n - 1 if a row is excluded).
        excluded: (m,) int64, a row of the pool that is no neighbour of each point, such as the point itself.

    Returns:
        Rows of the pool (m, k) int64, nearest first, and distances (m, k).
    """
    centre = pool.mean(0)
    points, pool = points - centre, pool - centre
    others = len(pool) - (excluded is not None)
    if len(pool) < _MANY or pool.shape[1] <= 2 * _PROJECTED:
        candidates, _ = _smallest(points, pool, min(k + _SPARE, others), excluded)
        return _ranked(points, pool, candidates, k)
    axes = torch.linalg.eigh(pool.T @ pool)[1][:, -_PROJECTED:]
    candidates, bounds = _smallest(points @ axes, pool @ axes, min(2 * (k + _SPARE), others), excluded)
    chosen, distance = _ranked(points, pool, candidates, k)
    unsure = (distance[:, -1] > (1 - 1e-4) * bounds).nonzero().squeeze(1)
    if len(unsure):
        some = None if excluded is None else excluded[unsure]
        candidates, _ = _smallest(points[unsure], pool, min(k + _SPARE, others), some)
        chosen[unsure], distance[unsure] = _ranked(points[unsure], pool, candidates, k)
    return chosen, distance


def _smallest(points: Tensor, pool: Tensor, k: int, excluded: Tensor | None) -> tuple[Tensor, Tensor]:
    """Rows (m, k) int64 of the k nearest of a pool, in any order, and the distance (m,) of the farthest of them.

    The squared distances come from one matrix product, so that near duplicates keep few digits: see `_ranked`.
    """
    pad = -len(pool) % _BLOCK
    squares = torch.nn.functional.pad(pool.square().sum(1), (0, pad), value=torch.inf)
    columns = torch.nn.functional.pad(pool, (0, 0, 0, pad)).T.contiguous()
    blocks = min(k, len(squares) // _BLOCK)
    offsets = torch.arange(_BLOCK, device=pool.device)
    parts = torch.split(torch.arange(len(points), device=pool.device), max(_CELLS // len(squares), 1))
    memory = pool.new_empty(len(parts[0]), len(squares))  # allocated once: pages that are new cost as much as products
    found, bounds = [], []
    for part in parts:
        distance = torch.addmm(squares, points[part], columns, alpha=-2, out=memory[: len(part)])
        if excluded is not None:
            distance[torch.arange(len(part), device=pool.device), excluded[part]] = torch.inf
        # The k smallest entries lie in the k blocks with the smallest minima.
        minima = distance.view(len(part), -1, _BLOCK).amin(2)
        some = minima.topk(blocks, largest=False, sorted=False).indices
        columns_of = (some[:, :, None] * _BLOCK + offsets).flatten(1)
        smallest = distance.gather(1, columns_of).topk(k, largest=False, sorted=False)
        found.append(columns_of.gather(1, smallest.indices))
        farthest = smallest.values.amax(1) + points[part].square().sum(1)
        bounds.append(farthest.clamp_min(0).sqrt())
    return torch.cat(found), torch.cat(bounds)


def _ranked(points: Tensor, pool: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of the candidates (m, c), nearest first, by differences: rows (m, k) and distances (m, k)."""
    chosen, distances = [], []
    size = max(_GATHERED // (candidates.shape[1] * points.shape[1]), 1)
    for x, rows in zip(torch.split(points, size), torch.split(candidates, size), strict=True):
        gathered = pool.index_select(0, rows.flatten()).view(*rows.shape, -1)
        distance = torch.linalg.vector_norm(gathered.sub_(x[:, None]), dim=2)
        nearest_ = distance.topk(k, largest=False)
        chosen.append(rows.gather(1, nearest_.indices))
        distances.append(nearest_.values)
    return torch.cat(chosen), torch.cat(distances)
