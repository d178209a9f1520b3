"""The map: UMAP fitted once on clean features, poison placed into it, and the noise floor of placing.

Another seed moves every point, so a difference between two fits is not a "shift". Clean points keep the positions of
the single fit; only new points are placed, and the noise of placing itself is measured and reported.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import umap
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances

from core.experiments.kernels import keep_compiled_kernels
from core.system import cache, paths

Features = NDArray[np.float32]
NEIGHBORS = 15
SMALL = 4096
"""Below this number of points all distances are computed; above, umap searches neighbours approximately."""
NOISE_SAMPLE = 100
NOISE_QUANTILE = 0.95


@dataclass(frozen=True)
class Map:
    """A fitted map.

    Attributes:
        xy: (n, 2) float32 positions of the clean training points.
        noise_floor: 95th percentile of the distance, in map units, by which clean points move when placed again:
            smaller shifts are meaningless.
    """

    xy: Features
    noise_floor: float
    _model: Any
    _near: Callable[[Features], Features]

    def place(self, z: Features) -> Features:
        """Place new feature vectors (m, d): their positions (m, 2)."""
        if len(z) == 0:
            return np.zeros((0, 2), np.float32)
        with _quiet_umap():
            return np.asarray(self._model.transform(self._near(z)), np.float32)


@contextmanager
def _quiet_umap() -> Iterator[None]:
    """Run umap without its warning that a seed implies one thread, and restore torch's number of threads.

    Numba shares torch's OpenMP and would leave it with one thread per core.
    """
    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)


def cache_path(z: Features, seed: int = 0) -> Path:
    """Where the positions of clean features (n, d) are cached."""
    key = hashlib.sha256(f"2 {seed} {NEIGHBORS} {z.shape}".encode() + np.ascontiguousarray(z).tobytes())
    return paths.cache() / "maps" / f"{key.hexdigest()[:32]}.npy"


def fit(z: Features, seed: int = 0) -> Map:
    """Fit the map of clean features (n, d), or restore it from the disk cache or from the shipped maps.

    The same features give the same map. Only positions are cached; the neighbour graph that placing needs is
    rebuilt, which is fast, and no pickle is ever read.
    """
    keep_compiled_kernels()
    neighbors = min(NEIGHBORS, len(z) - 1)
    path = cache_path(z, seed)
    xy = cache.read_matrix(path, len(z))
    if xy is None:
        xy = cache.read_matrix(paths.MAPS / path.name, len(z))
    is_small = len(z) < SMALL

    def near(points: Features) -> Features:
        """The model's input for features (m, d): their distances (m, n) if there are few points."""
        return np.asarray(pairwise_distances(points, z), np.float32) if is_small else points

    with _quiet_umap():
        model = umap.UMAP(
            n_neighbors=neighbors,
            metric="precomputed" if is_small else "euclidean",
            random_state=seed,
            # 0 builds the graph and leaves the layout alone.
            n_epochs=None if xy is None else 0,
            transform_seed=seed,
            init=_principal(z, seed) if xy is None else xy,
        )
        model.fit(near(z))
    if xy is None:
        xy = np.asarray(model.embedding_, np.float32)
        cache.write(path, xy)
    model.embedding_ = xy.copy()
    model.n_epochs = None  # transform derives its own number of epochs from this field
    fitted = Map(xy, 0.0, model, near)
    sample = np.random.default_rng(seed).permutation(len(z))[:NOISE_SAMPLE]
    # A clean point that is placed again is its own nearest neighbour; any movement is noise of placing.
    moved = np.linalg.norm(fitted.place(z[sample]) - xy[sample], axis=1)
    return Map(xy, float(np.quantile(moved, NOISE_QUANTILE)), model, near)


def _principal(z: Features, seed: int) -> Features:
    """(n, 2) first two principal components of features (n, d), scaled to a maximum of 10 like umap's own layouts."""
    components = PCA(2, random_state=seed).fit_transform(z)
    return np.asarray(10 * components / max(float(np.abs(components).max()), 1e-12), np.float32)
