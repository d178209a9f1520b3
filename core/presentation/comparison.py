"""Finished runs beside each other: what they share, and what can be laid over what. Free of torch."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from core.system.arrays import Array


def same_map(views: Sequence[Mapping[str, Array]]) -> list[list[int]]:
    """Which runs stand on the same clean features, and so on one fitted map.

    Args:
        views: see `core.experiments.result.Result.view`; one without `train_xy` (n, 2) has no map and is in no group.

    Returns:
        Positions in `views`, grouped; only within a group can places on the maps be compared.
    """
    keys = [(view["train_xy"].shape, view["train_xy"].tobytes()) if "train_xy" in view else None for view in views]
    return grouped(keys)


def grouped(keys: Sequence[Hashable]) -> list[list[int]]:
    """Positions with equal keys together, in their order; those whose key is None are left out."""
    groups: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(position)
    return list(groups.values())


def shared_bases(views: Sequence[Mapping[str, Array]]) -> list[tuple[int | None, ...]]:
    """Base images that two or more runs start from, the same pixels under the same true class.

    Args:
        views: `base_x` (m, C, H, W) uint8 and `base_y` (m,) of each run; m may differ.

    Returns:
        For each such image the row of its poison in each run, None where the run does not use it; what most runs
        share comes first, then in the order of the first run.
    """
    rows: dict[tuple[bytes, int], list[int | None]] = {}
    for i, view in enumerate(views):
        if "base_x" not in view:
            continue
        for row, (pixels, label) in enumerate(zip(view["base_x"], view["base_y"], strict=True)):
            found = rows.setdefault((pixels.tobytes(), int(label)), [None] * len(views))
            if found[i] is None:  # a base image that a run uses twice counts once
                found[i] = row
    several = [tuple(found) for found in rows.values() if len(found) - found.count(None) > 1]
    return sorted(several, key=lambda found: found.count(None))


def confusion(score: Mapping[str, Any] | None, n_classes: int) -> Array | None:
    """The (c, c) counts of a stored score, rows true, columns predicted; None where the run has not stored them."""
    cells = None if score is None else score.get("confusion")
    if cells is None:
        return None
    counts = np.asarray(cells, dtype=np.int64)
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
