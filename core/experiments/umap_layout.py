"""UMAP's layout in batched epochs of torch: all points move at once, on any device, with nothing to compile.

umap-learn moves one sampled edge after the other. Here an epoch adds up the expected attraction along all edges, and
the repulsion by a few random points, and moves every point by the mean of its forces. The curve is umap-learn's, and so
is the quality of the map (see benchmarks/README.md); the positions are not.
"""

import torch
from torch import Tensor

from core.experiments.umap_graph import Graph

A, B = 1.5769434604, 0.8950608780
"""Curve 1 / (1 + A r^2B) of similarity against distance r on the map, for min_dist 0.1 and spread 1."""
FEW = 10_000
"""Number of points up to which the layout takes its time, as in umap-learn."""
EPOCHS_OF_FEW, EPOCHS_OF_MANY = 500, 200
PLACING_EPOCHS = 100
_NEGATIVES = 2.5
"""Repulsions for each attraction, in expectation: umap-learn's 5 for each edge, which attracts at both of its ends."""
_SAMPLED = 8
"""Random points that stand for all in an epoch's repulsion."""
_PLACING_STEP = 0.25
"""First step of new points, as in umap-learn: they start among their neighbours."""
_CLIP = 4.0


def lay_out(graph: Graph, start: Tensor, seed: int) -> Tensor:
    """Positions (n, 2) of the points of a graph.

    The points are shuffled once. Then those at a few random offsets from each point are as good as random points, and
    all repulsion is read in the order of memory.

    Args:
        graph: of n points.
        start: (n, 2) positions to start from, in map units.
        seed: of shuffling and repulsion.
    """
    n = len(start)
    generator = torch.Generator().manual_seed(seed)
    epochs = EPOCHS_OF_FEW if n <= FEW else EPOCHS_OF_MANY
    order = torch.randperm(n, generator=generator).to(start.device)
    graph = _shuffled(_strong(graph, epochs), order)
    xy = start[order]
    source = graph.source
    degree = torch.segment_reduce(graph.weight, "sum", offsets=graph.start, initial=0.0)[:, None]
    repulsion = degree * (_NEGATIVES / _SAMPLED)
    for epoch in range(epochs):
        force = _pull(graph, source, xy)
        for offset in torch.randint(1, max(n, 2), (_SAMPLED,), generator=generator).tolist():
            force += repulsion * _push(xy - xy.roll(offset, 0))
        xy = xy + (1 - epoch / epochs) * force / degree.clamp_min(1)
    positions = torch.empty_like(xy)
    positions[order] = xy
    return positions


def place(near: Tensor, membership: Tensor, fixed: Tensor, seed: int) -> Tensor:
    """Positions (m, 2) of new points on a map; the position of one does not depend on the others.

    Args:
        near: (m, k) int64, the nearest fixed points of each new one.
        membership: (m, k) of these neighbours.
        fixed: (n, 2) positions of the fixed points, which do not move.
        seed: of the repulsion.
    """
    generator = torch.Generator().manual_seed(seed)
    neighbours = fixed[near]
    weight = membership / membership.sum(1, keepdim=True)
    xy = (weight[:, :, None] * neighbours).sum(1)
    for epoch in range(PLACING_EPOCHS):
        apart = xy[:, None] - neighbours
        force = (weight[:, :, None] * _attraction(apart.square().sum(2))[:, :, None] * apart).sum(1)
        for row in torch.randint(0, len(fixed), (_SAMPLED,), generator=generator).tolist():
            force += (_NEGATIVES / _SAMPLED) * _push(xy - fixed[row])
        xy = xy + _PLACING_STEP * (1 - epoch / PLACING_EPOCHS) * force
    return xy


def _strong(graph: Graph, epochs: int) -> Graph:
    """The graph without the edges that umap-learn would never sample in so many epochs."""
    weight = graph.weight / graph.weight.max()
    kept = weight >= 1 / epochs
    return _by_rows(len(graph.start) - 1, graph.source[kept], graph.target[kept], weight[kept])


def _shuffled(graph: Graph, order: Tensor) -> Graph:
    """The graph whose point i is point `order[i]` of the given one."""
    n = len(order)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(n, device=order.device)
    return _by_rows(n, rank[graph.source], rank[graph.target], graph.weight)


def _by_rows(n: int, source: Tensor, target: Tensor, weight: Tensor) -> Graph:
    """The graph of edges in any order, (E,) each."""
    order = (source * n + target).argsort()
    start = torch.zeros(n + 1, dtype=torch.int64, device=source.device)
    start[1:] = torch.bincount(source, minlength=n).cumsum(0)
    return Graph(start, target[order], weight[order])


def _pull(graph: Graph, source: Tensor, xy: Tensor) -> Tensor:
    """(n, 2) attraction of each point along its edges.

    The coefficients need no clipping: no attraction exceeds 1.2.
    """
    points = torch.view_as_complex(xy)  # one gather for both coordinates
    apart = points.index_select(0, source) - points.index_select(0, graph.target)
    coefficient = graph.weight * _attraction(apart.real.square() + apart.imag.square())
    return torch.segment_reduce(torch.view_as_real(coefficient * apart), "sum", offsets=graph.start, initial=0.0)


def _attraction(squared: Tensor) -> Tensor:
    """What the difference of two joined points is multiplied by, of their squared distance on the map."""
    power = squared.clamp_min(1e-12) ** B
    return -2 * A * B * power / (squared.clamp_min(1e-12) * (1 + A * power))


def _push(apart: Tensor) -> Tensor:
    """(n, 2) repulsion of points by others, of their differences (n, 2)."""
    squared = apart.square().sum(1, keepdim=True)
    return (2 * B / ((0.001 + squared) * (1 + A * squared**B)) * apart).clamp(-_CLIP, _CLIP)
