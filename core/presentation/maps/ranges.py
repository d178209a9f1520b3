"""The part of a map that is shown at full size, and where the points beyond it are drawn."""

from dataclasses import dataclass

import numpy as np

from core.system.arrays import Array

GAP = 0.35
"""Empty part of an axis, as a fraction of its length, that makes what lies beyond it a far clump."""
MOST_CLUMP = 0.2
"""Fraction of all points that may be folded as far clumps."""
MOST_TAIL = 0.01
"""Fraction of all points that may be folded where no gap parts them from the rest."""
TAIL_GAIN = 0.5
"""A tail is folded where the axis without it is at most this fraction of its length."""
BAND = 0.08
"""Width of the margin for folded points, as a fraction of the shown range."""


@dataclass(frozen=True)
class Folded:
    """Points of which far ones stand in a margin.

    Attributes:
        xy: (k, 2) float32 positions to draw.
        low, high: (2,) ends of the part at full size.
        is_far: (k,) bool, which points stand in the margin.
    """

    xy: Array
    low: Array
    high: Array
    is_far: Array


def fold_far(xy: Array, kept: Array | None = None) -> Folded:
    """Fold points that would squeeze the others into a margin: one axis after the other, until nothing changes.

    Within the margin, a farther point lies farther out, but its distance is not to scale.

    Args:
        xy: (k, 2) positions; k >= 1.
        kept: (k,) bool, points of which the majority is never folded, such as the poison; None for none.
    """
    xy = np.asarray(xy, np.float64)
    is_far = np.zeros(len(xy), bool)
    budget = int(MOST_CLUMP * len(xy))
    while True:
        cuts = [_cut(xy[~is_far, axis], budget - int(is_far.sum())) for axis in (0, 1)]
        news = [(xy[:, axis] < low) | (xy[:, axis] > high) for axis, (low, high) in enumerate(cuts)]
        axis = int(np.argmax([_gain(xy[~is_far, i], cut) for i, cut in enumerate(cuts)]))
        more = news[axis] & ~is_far
        if not more.any() or (kept is not None and kept.any() and (more | is_far)[kept].mean() > 0.5):
            break
        is_far |= more
    near = xy[~is_far]
    low, high = near.min(axis=0), near.max(axis=0)
    return Folded(_into_margin(xy, low, high).astype(np.float32), low, high, is_far)


def _gain(values: Array, cut: tuple[float, float]) -> float:
    """By how much a cut shortens an axis."""
    length = float(values.max() - values.min())
    return 0.0 if length == 0 else 1 - (cut[1] - cut[0]) / length


def _cut(values: Array, budget: int) -> tuple[float, float]:
    """The ends of an axis without its far clumps and tails.

    Args:
        values: (k,) positions along the axis.
        budget: how many points may be cut off.
    """
    ordered = np.sort(values)
    first, last = 0, len(ordered) - 1
    length = ordered[-1] - ordered[0]
    if length == 0 or budget <= 0:
        return float(ordered[0]), float(ordered[-1])
    steps = np.diff(ordered)
    for at in np.flatnonzero(steps >= GAP * length):
        below, above = int(at) + 1, len(ordered) - int(at) - 1
        if below <= min(budget, above):
            first = max(first, int(at) + 1)
        elif above <= min(budget, below):
            last = min(last, int(at))
    if (first, last) == (0, len(ordered) - 1):
        tail = min(budget, int(MOST_TAIL * len(ordered)))
        lengths = ordered[len(ordered) - 1 - tail :] - ordered[: tail + 1]
        best = int(np.argmin(lengths))
        if lengths[best] <= TAIL_GAIN * length:
            first, last = best, len(ordered) - 1 - tail + best
    return float(ordered[first]), float(ordered[last])


def _into_margin(xy: Array, low: Array, high: Array) -> Array:
    """Positions with those beyond the ends moved into the margin around them."""
    placed = xy.copy()
    for axis in (0, 1):
        values, room = xy[:, axis], BAND * max(high[axis] - low[axis], 1e-9)
        for end, sign in ((low[axis], -1), (high[axis], 1)):
            beyond = sign * (values - end)
            out = beyond > 0
            if out.any():
                placed[out, axis] = end + sign * room * (0.25 + 0.75 * beyond[out] / beyond[out].max())
    return placed
