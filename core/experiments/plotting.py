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
from core.experiments.projection import Features
from core.experiments.result import Poison, to_uint8
from core.experiments.trajectory import Step
from core.heads import logistic as head
from core.heads.neighbours import neighbours
from core.system.arrays import Array

NEAR = 10
"""Neighbours that are kept of each point."""
JUDGED = 1_000
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


def view(
    train_x: Array, heads: Heads, poison: Poison, gap: Tensor | None, steps: Sequence[Step] = ()
) -> dict[str, Array]:
    """The arrays that `core.experiments.result.Result.view` describes.

    Args:
        train_x: (n, C, H, W) uint8, the clean training images.
        gap: (m,) inversion gap of each poison, where there is one.
        steps: the walk.
    """
    train_z = heads.z.cpu().numpy()
    fitted = projection.fit(train_z)
    m, base = len(poison.y), poison.base_index
    # What stage 2 wanted is a second set of points only where images had to be made of it.
    apart = poison.zeta is not None and poison.x is not None
    wanted = poison.zeta if apart or poison.x is not None else poison.z
    placed = fitted.place(np.concatenate([poison.z, poison.zeta] if apart else [poison.z]))
    found: dict[str, Array] = {
        "train_xy": fitted.xy,
        "train_y": heads.y.cpu().numpy(),
        "base_xy": fitted.xy[base],
        "poison_xy": placed[:m],
        "noise_floor": np.asarray(fitted.noise_floor, np.float32),
        "preserved": np.asarray(preserved(train_z, fitted.xy), np.float32),
        "shift": np.linalg.norm(poison.z - train_z[base], axis=1).astype(np.float32),
        "base_x": train_x[base],
        "poison_y": poison.y,
        "base_y": heads.y.cpu().numpy()[base],
        "base_index": base,
    }
    if wanted is not None:
        found["stage2_xy"] = placed[-m:]
    if poison.x is not None:
        found["poison_x"] = to_uint8(poison.x)
    if gap is not None:
        found["gap"] = gap.cpu().numpy().astype(np.float32)
    flat = PCA(2, random_state=0).fit(train_z)
    found |= _principal(flat, train_z, poison.z, wanted) | _judged(heads, poison)
    return found | _walk(steps, flat)


def _walk(steps: Sequence[Step], flat: PCA) -> dict[str, Array]:
    """Where the poison was at each step that has any, and its images.

    On principal components alone: a point that is placed on a UMAP anew at each step jumps.
    """
    found: dict[str, Array] = {}
    z = [step.z for step in steps if step.z is not None]
    pictures = [step.pictures for step in steps if step.pictures is not None]
    if z:
        found["walk_pca"] = flat.transform(np.concatenate(z)).astype(np.float32).reshape(len(z), -1, 2)
    if pictures:
        found["walk_x"] = np.stack(pictures)
    return found


def preserved(z: Features, xy: Features) -> float:
    """How much of the neighbourhoods a map keeps.

    Args:
        z: features (n, d).
        xy: positions (n, 2).

    Returns:
        Of the 15 nearest points of a point in feature space, the share that is among its 15 nearest on the map: the
        mean over (a sample of) the points, in [0, 1]. Chance is about 15 / n.
    """
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(z))[:JUDGED])
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


def _judged(heads: Heads, poison: Poison) -> dict[str, Array]:
    """Of clean training points, then poison: logits, neighbours and influence."""
    z = torch.cat([heads.z, torch.from_numpy(poison.z).to(heads.z)])
    y = torch.cat([heads.y, torch.from_numpy(poison.y).to(heads.y)])
    near, distance = neighbours(z, NEAR)
    return {
        "logits_clean": _half(head.logits(heads.clean, z)),
        "logits": _half(head.logits(heads.poisoned, z)),
        "influence": influence(heads, z, y).cpu().numpy().astype(np.float32),
        "near": near.cpu().numpy().astype(np.int32),
        "near_distance": _half(distance),
    }


def _principal(fitted: PCA, train_z: Array, poison_z: Array, wanted: Array | None) -> dict[str, Array]:
    """Positions on the first two principal components of the clean features: a map that is linear."""
    parts = {"train_pca": train_z, "poison_pca": poison_z, "stage2_pca": wanted}
    placed = {name: fitted.transform(part).astype(np.float32) for name, part in parts.items() if part is not None}
    return {**placed, "pca_share": fitted.explained_variance_ratio_.astype(np.float32)}


def _half(values: Tensor) -> Array:
    """Three digits are enough to draw; free features can leave the range of 16 bits."""
    most = float(np.finfo(np.float16).max)
    return values.clamp(-most, most).cpu().numpy().astype(np.float16)
