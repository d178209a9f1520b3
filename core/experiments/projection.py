"""The map: UMAP fitted once on clean features, poison placed into it, and the noise floor of placing.

Another seed moves every point, so a difference between two fits is not a "shift". Clean points keep the positions of
the single fit; only new points are placed, and the noise of placing itself is measured and reported.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.experiments import umap_torch
from core.experiments.principal import Principal
from core.system import cache, paths, settings

Features = NDArray[np.float32]
NEIGHBORS = 15
FLAT = 1e-4
"""Range below which a coordinate of the initial layout, of a range up to 20, counts as constant."""
NOISE_SAMPLE = 100
NOISE_QUANTILE = 0.95
_CPU = torch.device("cpu")
ENGINES = {"umap-learn": 2, "torch": 4}
"""Part of the names of cached maps: other positions of the same features have another name."""


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
    _place: Callable[[Features], Features]

    def place(self, z: Features) -> Features:
        """Place new feature vectors (m, d): their positions (m, 2)."""
        return self._place(z) if len(z) else np.zeros((0, 2), np.float32)


def cache_path(z: Features, seed: int = 0, engine: str = "torch") -> Path:
    """Where the positions of clean features (n, d) are cached.

    Args:
        z: the features.
        seed: of the map.
        engine: that fits it, a value of `settings.MapEngine`.
    """
    key = hashlib.sha256(f"{ENGINES[engine]} {seed} {NEIGHBORS} {z.shape}".encode())
    key.update(np.ascontiguousarray(z).data)
    return paths.cache() / "maps" / f"{key.hexdigest()[:32]}.npy"


def restored(z: Features, seed: int = 0, engine: str = "torch") -> Features | None:
    """The positions (n, 2) of a map fitted before, from the disk cache or shipped; None if there is none.

    A map by umap-learn, by which all maps of earlier versions were fitted, is kept: results keep their pictures.
    """
    for fitted_by in dict.fromkeys((engine, "umap-learn")):
        name = cache_path(z, seed, fitted_by)
        for path in (name, paths.MAPS / name.name):
            xy = cache.read_matrix(path, len(z))
            if xy is not None:
                return np.array(xy, np.float32)
    return None


def fit(z: Features, seed: int = 0, device: torch.device = _CPU) -> Map:
    """Fit the map of clean features (n, d), or restore it from the disk cache or from the shipped maps.

    The same features give the same map. Only positions are cached; what placing needs is computed again, which is
    fast, and no pickle is ever read.

    Args:
        z: the features.
        seed: of the map.
        device: where to compute.

    Raises:
        SettingError: `POISON_LAB_MAP` names no engine.
    """
    engine = settings.map_engine()
    before = restored(z, seed, engine)
    start = _principal(z, seed, engine) if before is None else before
    neighbors = min(NEIGHBORS, len(z))
    if engine == "umap-learn":
        from core.experiments import umap_learn  # only here: it takes seconds to import

        xy, place = umap_learn.fit(z, start, neighbors, seed, is_laid_out=before is not None)
    else:
        xy, place = umap_torch.fit(z, start, neighbors, seed, is_laid_out=before is not None, device=device)
    if before is None:
        cache.write(cache_path(z, seed, engine), xy)
    sample = np.random.default_rng(seed).permutation(len(z))[:NOISE_SAMPLE]
    # A clean point that is placed again is its own nearest neighbour; any movement is noise of placing.
    moved = np.linalg.norm(place(z[sample]) - xy[sample], axis=1)
    return Map(xy, float(np.quantile(moved, NOISE_QUANTILE)), place)


def _principal(z: Features, seed: int = 0, engine: str = "torch") -> Features:
    """(n, 2) first two principal components of features (n, d), scaled to a maximum of 10 like umap's own layouts.

    A component without spread, as the second one of features that lie on a line, is drawn at random, since umap divides
    by the range of each. umap-learn gets scikit-learn's estimate of them: its maps stay what they
    were.
    """
    if engine == "umap-learn":
        from sklearn.decomposition import PCA  # only here: it takes a second to import

        components = PCA(2, random_state=seed).fit_transform(z)
    else:
        components = Principal.fit(z).transform(z)
    layout = np.asarray(10 * components / max(float(np.abs(components).max()), 1e-12), np.float32)
    flat = np.ptp(layout, axis=0) < FLAT
    layout[:, flat] = np.random.default_rng(seed).uniform(-1, 1, (len(z), int(flat.sum())))
    return layout
