"""Detector calibration: how much poison a filter lets through, for the lab's defences and for scores from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from core.system.arrays import Array
from core.system.errors import DataError

ALARMS = 0.01
"""Share of clean points that a filter may remove by mistake."""
RECALL = 0.9
"""Share of the poison that it has to find."""


@dataclass(frozen=True)
class Detection:
    """What scores find.

    Attributes:
        auc: area under the ROC.
        recall: share of the poison found where `ALARMS` of the clean points are removed.
        alarms, recalls: (k,) the ROC.
    """

    auc: float
    recall: float
    alarms: tuple[float, ...]
    recalls: tuple[float, ...]


def detection(scores: Array, is_poison: Array, alarms: float = ALARMS) -> Detection:
    """The ROC of scores.

    Args:
        scores: (N,) suspicion, larger is more suspicious.
        is_poison: (N,) bool.
        alarms: share of the clean points that may be removed.

    Raises:
        DataError: scores that are not finite, or points of one kind only.
    """
    if scores.shape != is_poison.shape or not np.isfinite(scores).all():
        raise DataError(f"Scores of shape {scores.shape} for {len(is_poison)} points; needed: one finite number each.")
    if is_poison.all() or not is_poison.any():
        raise DataError("All points are of one kind: calibration needs clean and poisoned points.")
    false, true, _ = roc_curve(is_poison, scores)
    # Thresholds between two points of the ROC can't be chosen: take the last that keeps the bound.
    recall = float(true[np.searchsorted(false, alarms, side="right") - 1])
    return Detection(float(roc_auc_score(is_poison, scores)), recall, tuple(false.tolist()), tuple(true.tolist()))


def smallest_found(recalls: Mapping[float, float], wanted: float = RECALL) -> float | None:
    """The smallest budget from which on every larger measured one is found; None where the largest is not.

    Args:
        recalls: by budget, the recall at the bound on false alarms.
        wanted: the recall.
    """
    found = None
    for budget in sorted(recalls, reverse=True):
        if recalls[budget] < wanted:
            break
        found = budget
    return found


def read_scores(path: Path, count: int) -> Array:
    """Scores (count,) from a CSV with a column `score`, or of one column, in the order of the run's features.npz.

    Raises:
        DataError: the file can't be read, or has another number of rows.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path)
        columns = [name for name in frame.columns if str(name).strip().lower() == "score"] or list(frame.columns)[:1]
        scores = frame[columns[0]].to_numpy(np.float64)
    except (OSError, ValueError, IndexError, pd.errors.ParserError) as error:
        raise DataError(f"{path} can't be read as scores ({error}): write a CSV with a column `score`.") from error
    if len(scores) != count:
        raise DataError(
            f"{path} has {len(scores):,} scores for {count:,} points: one for each clean point and then for each "
            "poisoned one, in the order of `train_z` and `poison_z` in its features.npz."
        )
    return np.asarray(scores)
