"""λ by cross-validation on the clean training set, for whoever does not know the λ that they train with."""

from collections.abc import Sequence

import torch

from core.defences.algorithms.base import TrainingSet
from core.defences.algorithms.cross_validation import held_out_logits
from core.experiments.extraction import extract, load
from core.experiments.watch import RunWatch
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FOLDS = 5


def best_ridge(data: TrainingSet, grid: Sequence[float] = GRID, folds: int = FOLDS) -> float:
    """The λ of a grid with the least cross-entropy on points that its heads have not seen.

    Args:
        data: the clean training set; its own λ has no effect.
        grid: to choose from.
        folds: parts of the cross-validation.
    """
    losses = {}
    for ridge in grid:
        logits = held_out_logits(TrainingSet(data.z, data.y, data.n_classes, ridge), folds)
        losses[ridge] = float(torch.nn.functional.cross_entropy(logits, data.y))
    return min(losses, key=losses.__getitem__)


def ridge_for(spec: ExperimentSpec, device: str = "auto") -> float:
    """The λ of an experiment's clean training set by cross-validation.

    Args:
        spec: a resolved spec.
        device: "auto", "cpu" or "cuda".

    Raises:
        PoisonLabError: data or extractor can't be used.
    """
    watch = RunWatch(silent, None)
    loaded = load(spec, devices.choose(device), watch)
    extracted = extract(loaded, watch)
    return best_ridge(TrainingSet(extracted.train_z, extracted.train_y, len(loaded.classes), spec.ridge))
