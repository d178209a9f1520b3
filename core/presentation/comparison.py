"""Finished runs beside each other: what they share, and what can be laid over what. Free of torch."""

from collections.abc import Hashable, Sequence

import numpy as np

from core.experiments.plot_data import PlotData
from core.heads.scores import Score
from core.system.arrays import Array


def same_map(plots: Sequence[PlotData | None]) -> list[list[int]]:
    """Which runs stand on the same clean features, and so on one fitted map.

    Args:
        plots: of each run; None of one without a map, which is in no group.

    Returns:
        Positions in `plots`, grouped; only within a group can places on the maps be compared.
    """
    keys = [None if plot is None else (plot.train_xy.shape, plot.train_xy.tobytes()) for plot in plots]
    return grouped(keys)


def grouped(keys: Sequence[Hashable]) -> list[list[int]]:
    """Positions with equal keys together, in their order; those whose key is None are left out."""
    groups: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(position)
    return list(groups.values())


def shared_bases(plots: Sequence[PlotData | None]) -> list[tuple[int | None, ...]]:
    """Base images that two or more runs start from, the same pixels under the same true class.

    Args:
        plots: of each run; None of one that was made without a map.

    Returns:
        For each such image the row of its poison in each run, None where the run does not use it; what most runs
        share comes first, then in the order of the first run.
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
    """The (c, c) counts of a score, rows true, columns predicted; None where the run has not stored them."""
    if score is None or score.confusion is None:
        return None
    counts = np.asarray(score.confusion, dtype=np.int64)
    return counts if counts.shape == (n_classes, n_classes) else None


def largest_confusion(counts: Array) -> int:
    """The largest count, or change of one, off the diagonal, which holds far larger ones; at least 1.

    Args:
        counts: (c, c).
    """
    off = np.abs(counts)[~np.eye(len(counts), dtype=bool)]
    return int(off.max(initial=1))


def most_changed(changes: Sequence[Sequence[float]], most: int) -> list[int]:
    """The `most` classes whose numbers are largest in size in any run, in the order of the classes.

    Args:
        changes: one number a class, for each run.
    """
    size = np.abs(np.asarray(changes, dtype=float)).max(axis=0)
    return sorted(np.argsort(-size, kind="stable")[:most].tolist())
