"""Computes the arrays that the app draws: every training point and poisoned sample, on the map and by both heads.

Everything that needs features or heads is computed here, once, by the worker. Pages only draw, and a run that ships
without its features shows as much as one that was computed locally.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.data.stored import Images, StoredImages
from core.experiments import projection
from core.experiments.plot_data import PlotData
from core.experiments.principal import Principal
from core.experiments.projection import Features
from core.experiments.result import Poison, to_uint8
from core.experiments.trajectory import EvaluatedStep
from core.heads import logistic as head
from core.heads.neighbours import neighbours
from core.system import device as devices
from core.system.arrays import Array

N_NEIGHBOURS = 10
"""Number of nearest neighbours stored for each point."""
NEIGHBOURHOOD_SAMPLE = 1_000
"""Number of clean points on which `preserved` is estimated."""
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Heads:
    """The two heads of a run and the features that they are evaluated on; all tensors on one device.

    Attributes:
        clean, poisoned: (c, d + 1) float64, trained to convergence without and with the poison.
        z, y: (n, d) and (n,), the clean training set.
        test_z, test_y: (t, d) and (t,), the test set.
        ridge: λ.
        z_on_host: z in host memory, if it is there already.
    """

    clean: Tensor
    poisoned: Tensor
    z: Tensor
    y: Tensor
    test_z: Tensor
    test_y: Tensor
    ridge: float
    z_on_host: Array | None = None


def plot_data(
    train_x: Images | StoredImages,
    heads: Heads,
    poison: Poison,
    gap: Tensor | None,
    steps: Sequence[EvaluatedStep] = (),
) -> PlotData:
    """Fit the map, and compute everything that is drawn of a run.

    Args:
        train_x: (n, C, H, W) uint8, the clean training images.
        heads: without and with the poison, and the data to evaluate them on.
        poison: the poisoned samples.
        gap: (m,) inversion gap of each poisoned sample; None without inversion.
        steps: the trajectory.
    """
    train_z = devices.on_host(heads.z).numpy() if heads.z_on_host is None else heads.z_on_host
    flat = Principal.of(heads.z)
    fitted = projection.fit(train_z, device=heads.z.device, there=heads.z, principal=flat)
    m, base = len(poison.y), poison.base_index
    base_x, base_z = (train_x[base], train_z[base]) if poison.own_base is None else poison.own_base
    # Stage 2's features are a second set of points only where images had to be made of them.
    is_inverted = poison.zeta is not None and poison.x is not None
    placed = fitted.place(np.concatenate([poison.z, poison.zeta] if is_inverted else [poison.z]))
    stage2 = poison.zeta if poison.x is not None else poison.z
    return PlotData(
        train_xy=fitted.xy,
        train_y=heads.y.cpu().numpy(),
        base_xy=fitted.xy[base] if poison.own_base is None else fitted.place(base_z),
        poison_xy=placed[:m],
        noise_floor=fitted.noise_floor,
        preserved=preserved(heads.z, fitted.xy),
        shift=np.linalg.norm(poison.z - base_z, axis=1).astype(np.float32),
        base_x=base_x,
        poison_y=poison.y,
        base_y=heads.y.cpu().numpy()[base],
        base_index=base,
        stage2_xy=None if stage2 is None else placed[-m:],
        poison_x=None if poison.x is None else to_uint8(poison.x),
        gap=None if gap is None else gap.cpu().numpy().astype(np.float32),
        train_pca=np.asarray(flat.coordinates(heads.z), np.float32),
        poison_pca=_flattened(flat, poison.z),
        stage2_pca=None if stage2 is None else _flattened(flat, stage2),
        pca_share=flat.share.astype(np.float32),
        **_point_arrays(heads, poison),
        **_trajectory(steps, flat, poison.y),
    )


def _flattened(fitted: Principal, z: Array) -> Array:
    """(k, 2) projections of features (k, d) onto two principal components."""
    return np.asarray(fitted.transform(z), np.float32)


def _trajectory(steps: Sequence[EvaluatedStep], flat: Principal, y: Array) -> dict[str, Array]:
    """Positions, images and, where they change, labels of the poison at each step of the trajectory.

    On principal components only: repeatedly placing a point on the UMAP makes it jump.

    Args:
        steps: the trajectory.
        flat: the principal components.
        y: (m,) labels of the final poison.
    """
    arrays: dict[str, Array] = {}
    z = [step.z for step in steps if step.z is not None]
    pictures = [step.pictures for step in steps if step.pictures is not None]
    if z:
        arrays["walk_pca"] = _flattened(flat, np.concatenate(z)).reshape(len(z), -1, 2)
    if pictures:
        arrays["walk_x"] = np.stack(pictures)
    if any(step.y is not None for step in steps):
        with_poison = [(step.y, len(step.z)) for step in steps if step.z is not None]
        arrays["walk_y"] = np.stack([y[:k] if labels is None else labels for labels, k in with_poison])
    return arrays


def preserved(z: Tensor, xy: Features) -> float:
    """Neighbourhood preservation of a map.

    Args:
        z: features (n, d), on the device that computes.
        xy: positions (n, 2).

    Returns:
        Fraction in [0, 1] of a point's 15 nearest neighbours in feature space that are among its 15 nearest on the
        map, averaged over a sample of the points. Chance level is about 15 / n.
    """
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(z))[:NEIGHBOURHOOD_SAMPLE]).to(z.device)
    spaces = z, torch.from_numpy(xy).to(z.device)
    true, shown = (neighbours(space, projection.NEIGHBORS, rows)[0] for space in spaces)
    return float((true[:, :, None] == shown[:, None, :]).any(2).double().mean())


def influence(heads: Heads, z: Tensor, y: Tensor) -> Tensor:
    """First-order influence of each training point on the mean test loss (Koh & Liang 2017, arXiv 1703.04730).

    Removing point i changes the head by H⁻¹ ∇CE_i / N, and the mean test cross-entropy by <H⁻¹ ∇L, ∇CE_i> / N.

    Args:
        heads: the poisoned head and the test set.
        z: (N, d) features of the defender's training set, poison included.
        y: (N,) labels.

    Returns:
        (N,) influences -<H⁻¹ ∇L, ∇CE_i> / N; a point with positive influence is harmful.
    """
    n_classes = len(heads.poisoned)
    problem = head.HeadProblem(head.with_ones(z), y, n_classes, heads.ridge)
    test = head.HeadProblem(head.with_ones(heads.test_z), heads.test_y, n_classes, heads.ridge)
    _, curvature = problem.gradient(heads.poisoned)
    q = head.conjugate_gradients(curvature, test.loss_gradient(heads.poisoned), tol=_TOLERANCE)
    return -((problem.z @ q.T) * head.errors(curvature.p, y)).sum(1) / len(y)


def _point_arrays(heads: Heads, poison: Poison) -> dict[str, Array]:
    """Logits, neighbours and influence of the n clean training points, then of the m poisoned samples."""
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
    """As float16, clipped: three digits suffice to draw, and free features can exceed its range."""
    most = float(np.finfo(np.float16).max)
    return values.clamp(-most, most).cpu().numpy().astype(np.float16)
