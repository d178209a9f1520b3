"""The map by torch: an exact graph, a layout in batched epochs, and new points placed by the same steps."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.experiments.umap_graph import fuzzy_union, memberships
from core.experiments.umap_layout import lay_out
from core.experiments.umap_layout import place as place_near
from core.heads.neighbours import nearest, neighbours

Features = NDArray[np.float32]


def fit(
    points: Tensor, start: Features, neighbors: int, seed: int, *, is_laid_out: bool
) -> tuple[Features, Callable[[Features], Features]]:
    """The positions (n, 2) of features (n, d), and the function that places new features (m, d).

    Args:
        points: (n, d) features, on the device that computes.
        start: (n, 2) positions to start from.
        neighbors: number of neighbours of each point, itself included.
        seed: of the layout and of the placing.
        is_laid_out: whether `start` are the positions, so that there is nothing to compute.
    """
    xy = torch.from_numpy(start).to(points.device)
    if not is_laid_out:
        near, distance = neighbours(points, neighbors - 1)
        xy = lay_out(fuzzy_union(near, memberships(distance)), xy, seed)

    def place(new: Features) -> Features:
        near, distance = nearest(torch.from_numpy(np.ascontiguousarray(new)).to(points), points, neighbors)
        return place_near(near, memberships(distance), xy, seed).cpu().numpy()

    return xy.cpu().numpy(), place
