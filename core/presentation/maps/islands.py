"""Where the points of a class lie together on a map: the places that its name belongs to."""

from dataclasses import dataclass

import numpy as np

from core.system.arrays import Array

CELLS = 40
"""Cells of the grid along each axis."""
LEAST_SHARE = 0.2
"""Fraction of a class that lies together to be named; the largest island always is."""
MOST_ISLANDS = 3
EDGE = 0.12
"""Density, as a fraction of the highest, from which a cell belongs to an island."""


@dataclass(frozen=True)
class Island:
    """Points of one class that lie together.

    Attributes:
        label: the class.
        x, y: a place in its densest part.
        low, high: (x, y) of the box that holds 90 % of its points along each axis.
        share: fraction of the class in it.
    """

    label: int
    x: float
    y: float
    low: tuple[float, float]
    high: tuple[float, float]
    share: float


def islands(xy: Array, y: Array, n_classes: int) -> list[Island]:
    """The islands of each class that has points, the largest of a class first.

    Args:
        xy: (n, 2) positions.
        y: (n,) classes.
        n_classes: c; classes without points have none.
    """
    if not len(xy):
        return []
    low = xy.min(axis=0).astype(np.float64)
    side = np.maximum(xy.max(axis=0) - low, 1e-9)
    cells = np.minimum(((xy - low) / side * CELLS).astype(int), CELLS - 1)
    found: list[Island] = []
    for label in range(n_classes):
        rows = np.flatnonzero(y == label)
        if len(rows):
            found += _of_class(xy[rows], cells[rows], label)
    return found


def _of_class(xy: Array, cells: Array, label: int) -> list[Island]:
    from scipy import ndimage  # imported late: pages without a map do without it

    counts = np.zeros((CELLS, CELLS))
    np.add.at(counts, (cells[:, 0], cells[:, 1]), 1.0)
    density = ndimage.gaussian_filter(counts, 1.0, mode="constant")
    parts, number = ndimage.label(density >= EDGE * density.max(), structure=np.ones((3, 3)))
    part_of = parts[cells[:, 0], cells[:, 1]]
    sizes = sorted(((int((part_of == part).sum()), part) for part in range(1, number + 1)), reverse=True)
    named = [(size, part) for size, part in sizes[:MOST_ISLANDS] if size >= LEAST_SHARE * len(xy)] or sizes[:1]
    found = []
    for size, part in named:
        inside = xy[part_of == part]
        density_of = density[cells[part_of == part, 0], cells[part_of == part, 1]]
        x, y = np.median(inside[density_of >= 0.7 * density_of.max()], axis=0)
        low, high = np.quantile(inside, [0.05, 0.95], axis=0)
        ends = [(float(end[0]), float(end[1])) for end in (low, high)]
        found.append(Island(label, float(x), float(y), ends[0], ends[1], size / len(xy)))
    return found
