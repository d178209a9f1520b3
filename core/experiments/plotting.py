"""What the app draws of a run: every training point and every poison, placed on the map and judged by the heads.

Everything that needs features or heads is computed here, once, by the worker: a page only draws, and a run that ships
without its features shows as much as one that was made here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from core.experiments import projection
from core.experiments.plot_data import PlotData
from core.experiments.projection import Features
from core.experiments.result import Poison, to_uint8
from core.experiments.trajectory import EvaluatedStep
from core.heads import logistic as head
from core.heads.neighbours import neighbours
from core.system.arrays import Array

N_NEIGHBOURS = 10
"""Neighbours that are kept of each point."""
NEIGHBOURHOOD_SAMPLE = 1_000
"""Clean points whose neighbourhoods on the map are compared with those in feature space."""
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Heads:
    """The two heads of a run and the features that they are judged on; all tensors of one device.

    Attributes:
        clean, poisoned: (c, d + 1) float64, converged without and with the poison.
        z, y: (n, d) and (n,), the clean training set.
        test_z, test_y: the test set.
        ridge: λ.
    """

    clean: Tensor
    poisoned: Tensor
    z: Tensor
    y: Tensor
    test_z: Tensor
    test_y: Tensor
    ridge: float


def plot_data(
    train_x: Array, heads: Heads, poison: Poison, gap: Tensor | None, steps: Sequence[EvaluatedStep] = ()
) -> PlotData:
    """Fit the map, and compute all that is drawn of a run.

    Args:
        train_x: (n, C, H, W) uint8, the clean training images.
        heads: without and with the poison, and what they are judged on.
        poison: the poisoned samples.
        gap: (m,) inversion gap of each poisoned sample, where there is one.
        steps: the trajectory.
    """
    train_z = heads.z.cpu().numpy()
    fitted = projection.fit(train_z)
    m, base = len(poison.y), poison.base_index
    # Stage 2's features are a second set of points only where images had to be made of them.
    is_inverted = poison.zeta is not None and poison.x is not None
    placed = fitted.place(np.concatenate([poison.z, poison.zeta] if is_inverted else [poison.z]))
    stage2 = poison.zeta if poison.x is not None else poison.z
    flat = PCA(2, random_state=0).fit(train_z)
    return PlotData(
        train_xy=fitted.xy,
        train_y=heads.y.cpu().numpy(),
        base_xy=fitted.xy[base],
        poison_xy=placed[:m],
        noise_floor=fitted.noise_floor,
        preserved=preserved(train_z, fitted.xy),
        shift=np.linalg.norm(poison.z - train_z[base], axis=1).astype(np.float32),
        base_x=train_x[base],
        poison_y=poison.y,
        base_y=heads.y.cpu().numpy()[base],
        base_index=base,
        stage2_xy=None if stage2 is None else placed[-m:],
        poison_x=None if poison.x is None else to_uint8(poison.x),
        gap=None if gap is None else gap.cpu().numpy().astype(np.float32),
        train_pca=_flattened(flat, train_z),
        poison_pca=_flattened(flat, poison.z),
        stage2_pca=None if stage2 is None else _flattened(flat, stage2),
        pca_share=flat.explained_variance_ratio_.astype(np.float32),
        **_point_arrays(heads, poison),
        **_trajectory(steps, flat),
    )


def _flattened(fitted: PCA, z: Array) -> Array:
    """(k, 2) positions of features (k, d) on two principal components: a map that is linear."""
    return np.asarray(fitted.transform(z), np.float32)


def _trajectory(steps: Sequence[EvaluatedStep], flat: PCA) -> dict[str, Array]:
    """Where the poison was at each step that has any, and its images.

    On principal components alone: a point that is placed on a UMAP anew at each step jumps.
    """
    arrays: dict[str, Array] = {}
    z = [step.z for step in steps if step.z is not None]
    pictures = [step.pictures for step in steps if step.pictures is not None]
    if z:
        arrays["walk_pca"] = _flattened(flat, np.concatenate(z)).reshape(len(z), -1, 2)
    if pictures:
        arrays["walk_x"] = np.stack(pictures)
    return arrays


def preserved(z: Features, xy: Features) -> float:
    """How much of the neighbourhoods a map keeps.

    Args:
        z: features (n, d).
        xy: positions (n, 2).

    Returns:
        Of the 15 nearest points of a point in feature space, the share that is among its 15 nearest on the map: the
        mean over (a sample of) the points, in [0, 1]. Chance is about 15 / n.
    """
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(z))[:NEIGHBOURHOOD_SAMPLE])
    true, shown = (neighbours(torch.from_numpy(space), projection.NEIGHBORS, rows)[0] for space in (z, xy))
    return float((true[:, :, None] == shown[:, None, :]).any(2).double().mean())


def influence(heads: Heads, z: Tensor, y: Tensor) -> Tensor:
    """(N,) what each point of the defender's training set adds to the mean test loss, to first order.

    Taking point i away changes the head by H⁻¹ ∇CE_i / N (Koh & Liang 2017, arXiv 1703.04730), and so the mean
    cross-entropy on the test set by -<H⁻¹ ∇L, ∇CE_i> / N less. Positive: the point does harm.

    Args:
        z, y: features (N, d) and labels (N,), the poison included.
    """
    n_classes = len(heads.poisoned)
    problem = head.HeadProblem(head.with_ones(z), y, n_classes, heads.ridge)
    test = head.HeadProblem(head.with_ones(heads.test_z), heads.test_y, n_classes, heads.ridge)
    _, curvature = problem.gradient(heads.poisoned)
    q = head.conjugate_gradients(curvature, test.loss_gradient(heads.poisoned), tol=_TOLERANCE)
    return -((problem.z @ q.T) * head.errors(curvature.p, y)).sum(1) / len(y)


def _point_arrays(heads: Heads, poison: Poison) -> dict[str, Array]:
    """Of clean training points, then poison: logits, neighbours and influence."""
    z = torch.cat([heads.z, torch.from_numpy(poison.z).to(heads.z)])
    y = torch.cat([heads.y, torch.from_numpy(poison.y).to(heads.y)])
    near, distance = neighbours(z, N_NEIGHBOURS)
    return {
        "logits_clean": _half(head.logits(heads.clean, z)),
        "logits": _half(head.logits(heads.poisoned, z)),
        "influence": influence(heads, z, y).cpu().numpy().astype(np.float32),
        "near": near.cpu().numpy().astype(np.int32),
        "near_distance": _half(distance),
    }


def _half(values: Tensor) -> Array:
    """Three digits are enough to draw; free features can leave the range of 16 bits."""
    most = float(np.finfo(np.float16).max)
    return values.clamp(-most, most).cpu().numpy().astype(np.float16)
