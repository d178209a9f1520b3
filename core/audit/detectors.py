"""What each defence, and scores from outside, find in runs at rising budgets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.audit.calibration import detection, read_scores
from core.defences.algorithms.base import TrainingSet
from core.defences.chain import parse_defence
from core.defences.execution import judge
from core.defences.registry import RECORDS
from core.storage.runs import StoredRun

OUTSIDE = "scores from outside"


def recalls(runs: Sequence[StoredRun], scores: Sequence[Path] = ()) -> dict[str, dict[float, float]]:
    """By detector and budget, the recall where 1 % of the clean points are removed; the least of runs of one budget.

    Args:
        runs: with features or images.
        scores: files of scores, one for each run; none for the lab's defences alone.

    Raises:
        StoreError: a run has neither, or is damaged.
        DataError: see `core.audit.calibration.read_scores`.
    """
    found: dict[str, dict[float, float]] = {}
    for i, run in enumerate(runs):
        features = run.features()
        z = torch.from_numpy(np.concatenate([features["train_z"], features["poison_z"]]))
        y = torch.from_numpy(np.concatenate([features["train_y"], features["poison_y"]]))
        is_poison = np.arange(len(y)) >= len(features["train_y"])
        # Defences get the points in another order, so that none can tell poison by its position.
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        data = TrainingSet(z[order], y[order], len(run.summary.classes), run.spec.ridge)
        for name, record in RECORDS.items():
            suspicion = judge(parse_defence(name), data).suspicion.cpu().numpy()
            recall = detection(suspicion, is_poison[order.numpy()]).recall
            by_budget = found.setdefault(record.title, {})
            by_budget[run.spec.budget] = min(recall, by_budget.get(run.spec.budget, 1.0))
        if scores:
            outside = detection(read_scores(scores[i], len(y)), is_poison)
            by_budget = found.setdefault(OUTSIDE, {})
            by_budget[run.spec.budget] = min(outside.recall, by_budget.get(run.spec.budget, 1.0))
    return found
