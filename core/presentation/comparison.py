"""Comparison of finished runs: what they share and which maps are comparable. Free of torch."""

from collections.abc import Hashable, Sequence

import numpy as np

from core.experiments.plot_data import PlotData
from core.heads.scores import Score
from core.system.arrays import Array


def same_map(plots: Sequence[PlotData | None]) -> list[list[int]]:
    """Group runs with the same clean features, which share one fitted map.

    Args:
        plots: arrays of each run; None for runs without a map, which are in no group.

    Returns:
        Indices into `plots`, grouped; positions on the maps are comparable only within a group.
    """
    keys = [None if plot is None else (plot.train_xy.shape, plot.train_xy.tobytes()) for plot in plots]
    return grouped(keys)


def grouped(keys: Sequence[Hashable]) -> list[list[int]]:
    """Group the indices of equal keys, in order; indices whose key is None are left out."""
    groups: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(position)
    return list(groups.values())


def shared_bases(plots: Sequence[PlotData | None]) -> list[tuple[int | None, ...]]:
    """Base images, i.e. pixels and true class, that two or more runs have in common.

    Args:
        plots: arrays of each run; None for runs without a map.

    Returns:
        For each such image its row in each run, None if the run does not use it; images shared by most runs come
        first, then in the order of the first run.
    """
    rows: dict[tuple[bytes, int], list[int | None]] = {}
    for i, plot in enumerate(plots):
        if plot is None:
            continue
        for row, (pixels, label) in enumerate(zip(plot.base_x, plot.base_y, strict=True)):
            users = rows.setdefault((pixels.tobytes(), int(label)), [None] * len(plots))
            if users[i] is None:  # a base image that a run uses twice counts once
                users[i] = row
    several = [tuple(users) for users in rows.values() if len(users) - users.count(None) > 1]
    return sorted(several, key=lambda users: users.count(None))


def confusion(score: Score | None, n_classes: int) -> Array | None:
    """The confusion matrix (c, c) of a score, rows true, columns predicted; None if it is not stored."""
    if score is None or score.confusion is None:
        return None
    counts = np.asarray(score.confusion, dtype=np.int64)
    return counts if counts.shape == (n_classes, n_classes) else None


def largest_confusion(counts: Array) -> int:
    """The largest absolute entry off the diagonal, at least 1, as the upper end of a colour scale.

    Args:
        counts: (c, c) confusion matrix, or difference of two.
    """
    off = np.abs(counts)[~np.eye(len(counts), dtype=bool)]
    return int(off.max(initial=1))


def most_changed(changes: Sequence[Sequence[float]], most: int) -> list[int]:
    """The classes with the largest absolute change in any run, in the order of the classes.

    Args:
        changes: for each run, one number per class.
        most: number of classes.
    """
    size = np.abs(np.nan_to_num(np.asarray(changes, dtype=float))).max(axis=0)
    return sorted(np.argsort(-size, kind="stable")[:most].tolist())
