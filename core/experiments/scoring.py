"""Scores every point of a poisoned training set: its influence, loss, neighbours, out-of-fold label, every defence.

Influence is that of `core.attacks.algorithms.implicit`, by which attacks choose their poison; the label out of fold is
that of the agreement defence. Unlike the influence of the map, none of this looks at the test set: a defender could
compute it.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from core.attacks.algorithms.implicit import DAMPING, influences
from core.attacks.algorithms.outer import ALIKE
from core.defences.algorithms.base import TrainingSet, losses
from core.defences.algorithms.cross_validation import held_out_logits
from core.defences.execution import judge
from core.defences.registry import RECORDS
from core.experiments.point_scores import PointScores
from core.heads import logistic as head
from core.heads.neighbours import neighbours
from core.system import device as devices
from core.system.arrays import Array

N_NEIGHBOURS = 10
FOLDS = 5
"""Parts of the cross-validation, as many as the agreement defence has by default."""
_TOLERANCE = 1e-6
_SEED = 0
"""Of the order in which defences get the points, so that none can tell poison by its position."""


def point_scores(
    features: Mapping[str, Array], n_classes: int, ridge: float, device: torch.device | None = None
) -> PointScores:
    """Score every point of a run's training set.

    Args:
        features: of a run: `train_z` (n, d), `train_y` (n,), `poison_z` (m, d) and `poison_y` (m,).
        n_classes: c.
        ridge: λ of the head.
        device: where to compute; None: the CPU.

    Raises:
        NotConverged: see `core.heads.logistic.fit`.
        DefenceError: a defence of a plug-in breaks its contract.
    """
    a = devices.tensors(
        {name: features[name] for name in ("train_z", "train_y", "poison_z", "poison_y")}, device or torch.device("cpu")
    )
    z, y = torch.cat([a["train_z"], a["poison_z"]]), torch.cat([a["train_y"], a["poison_y"]])
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(_SEED)).to(y.device)
    back = order.argsort()
    shuffled = TrainingSet(z[order], y[order], n_classes, ridge)
    theta = shuffled.fit()
    suspicion, removed = {}, {}
    for name, record in RECORDS.items():
        verdict = judge(record.settings(), shuffled)
        suspicion[name] = verdict.suspicion[back].cpu().numpy()
        removed[name] = (~verdict.keep)[back].cpu().numpy()
    near, distance = neighbours(z, N_NEIGHBOURS)
    return PointScores(
        y=y.cpu().numpy(),
        is_poison=np.arange(len(y)) >= len(a["train_y"]),
        loss=losses(theta, z, y).cpu().numpy(),
        influence=influence_of_copies(theta, z, y, len(a["train_y"]), ridge).cpu().numpy(),
        held_out=held_out_logits(shuffled, FOLDS).argmax(1)[back].cpu().numpy(),
        near=near.cpu().numpy(),
        distance=distance.cpu().numpy(),
        suspicion=suspicion,
        removed=removed,
    )


def influence_of_copies(
    theta: Tensor, z: Tensor, y: Tensor, n_clean: int, ridge: float, damping: float = DAMPING
) -> Tensor:
    """The first-order change of the attacks' outer loss by one more copy of each point.

    Args:
        theta: (c, d + 1) converged head of all points.
        z: (N, d) features, clean points first.
        y: (N,) labels.
        n_clean: number n of clean points, on which the outer loss is measured.
        ridge: λ of the head.
        damping: added to the Hessian, as attacks do.

    Returns:
        (N,) float64; positive for points that harm.
    """
    problem = head.HeadProblem(head.with_ones(z), y, len(theta), ridge)
    place = problem.at(theta)
    _, outer = ALIKE(place.logits[:n_clean], problem.z[:n_clean], y[:n_clean])
    curvature = place.curvature
    q = head.conjugate_gradients(lambda v: curvature(v) + damping * v, outer, tol=_TOLERANCE)
    return influences(theta, q, z).gather(1, y[:, None])[:, 0] / len(y)
