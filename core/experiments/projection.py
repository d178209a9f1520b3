"""The map: UMAP fitted once on clean features, poison placed into it, and the noise floor of placing.

Another seed moves every point, so a difference between two fits is not a "shift". Clean points keep the positions of
the single fit; only new points are placed, and the noise of placing itself is measured and reported.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.experiments import umap_torch
from core.experiments.principal import Principal
from core.system import cache, paths, settings

Features = NDArray[np.float32]
Placing = tuple[Features, Callable[[Features], Features]]
"""The positions (n, 2) of clean points, and the function that places new features (m, d) beside them, (m, 2)."""
NEIGHBORS = 15
FLAT = 1e-4
"""Range below which a coordinate of the initial layout, of a range up to 20, counts as constant."""
NOISE_SAMPLE = 100
NOISE_QUANTILE = 0.95
_CPU = torch.device("cpu")
_OVERHEAD = 256
"""Bytes that a file has at most beyond its positions: NumPy's header, and the checksum."""
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


class _Names:
    """Where the positions of features are cached, by engine: the features are hashed at most once for each."""

    def __init__(self, z: Features, seed: int) -> None:
        self._z, self._seed = z, seed
        self._paths: dict[str, Path] = {}

    def of(self, engine: str) -> Path:
        """The path that `cache_path` gives."""
        if engine not in self._paths:
            self._paths[engine] = cache_path(self._z, self._seed, engine)
        return self._paths[engine]


def _restored(z: Features, names: _Names, engine: str) -> Features | None:
    """The positions (n, 2) of a map fitted before, from the disk cache or shipped; None if there is none.

    A map by umap-learn, by which all maps of earlier versions were fitted, is kept: results keep their pictures.

    Args:
        z: (n, d) features.
        names: of their maps.
        engine: that fits new ones.
    """
    if not _may_exist(len(z)):
        return None
    for fitted_by in dict.fromkeys((engine, "umap-learn")):
        name = names.of(fitted_by)
        for path in (name, paths.MAPS / name.name):
            xy = cache.read_matrix(path, len(z))
            if xy is not None:
                return np.array(xy, np.float32)
    return None


def _may_exist(n: int) -> bool:
    """Whether a file could hold n positions, by its size: without one, many features need no hash to know it."""
    least = n * 2 * np.dtype(np.float32).itemsize
    for folder in (paths.cache() / "maps", paths.MAPS):
        with suppress(OSError):
            if any(least <= file.stat().st_size <= least + _OVERHEAD for file in folder.iterdir()):
                return True
    return False


def fit(
    z: Features,
    seed: int = 0,
    device: torch.device = _CPU,
    *,
    there: torch.Tensor | None = None,
    principal: Principal | None = None,
) -> Map:
    """Fit the map of clean features (n, d), or restore it from the disk cache or from the shipped maps.

    The same features give the same map. Only positions are cached; what placing needs is computed again, which is
    fast, and no pickle is ever read.

    Args:
        z: the features.
        seed: of the map.
        device: where to compute.
        there: the features on the device, if they are there.
        principal: their principal components, if they are known.

    Raises:
        SettingError: `POISON_LAB_MAP` names no engine.
    """
    engine, names = settings.map_engine(), _Names(z, seed)
    before = _restored(z, names, engine)
    points = torch.from_numpy(np.ascontiguousarray(z)).to(device) if there is None else there
    start = _principal(points, seed, engine, principal) if before is None else before
    neighbors = min(NEIGHBORS, len(z))
    if engine == "umap-learn":
        from core.experiments import umap_learn  # only here: it takes seconds to import

        xy, place = umap_learn.fit(z, start, neighbors, seed, is_laid_out=before is not None)
    else:
        xy, place = umap_torch.fit(points, start, neighbors, seed, is_laid_out=before is not None)
    if before is None:
        cache.write(names.of(engine), xy)
    sample = np.random.default_rng(seed).permutation(len(z))[:NOISE_SAMPLE]
    # A clean point that is placed again is its own nearest neighbour; any movement is noise of placing.
    moved = np.linalg.norm(place(z[sample]) - xy[sample], axis=1)
    return Map(xy, float(np.quantile(moved, NOISE_QUANTILE)), place)


def known(z: Features, there: torch.Tensor, seed: int = 0) -> Placing | None:
    """The map of clean features (n, d) if it is cached or ships; None where it would have to be fitted.

    Args:
        z: the features.
        there: the same on the device that computes.
        seed: of the map.
    """
    before = _restored(z, _Names(z, seed), settings.map_engine())
    if before is None:
        return None
    return umap_torch.fit(there, before, min(NEIGHBORS, len(z)), seed, is_laid_out=True)


def _principal(
    points: torch.Tensor, seed: int = 0, engine: str = "torch", principal: Principal | None = None
) -> Features:
    """(n, 2) first two principal components of features (n, d), scaled to a maximum of 10 like umap's own layouts.

    A component without spread, as the second one of features that lie on a line, is drawn at random, since umap divides
    by the range of each. umap-learn gets scikit-learn's estimate of them: its maps stay what they
    were.

    Args:
        points: the features.
        seed: of what is drawn at random, and of scikit-learn's estimate.
        engine: that lays out.
        principal: the components, if they are known.
    """
    if engine == "umap-learn":
        from sklearn.decomposition import PCA  # only here: it takes a second to import

        components = PCA(2, random_state=seed).fit_transform(points.cpu().numpy())
    else:
        components = (principal or Principal.of(points)).coordinates(points)
    layout = np.asarray(10 * components / max(float(np.abs(components).max()), 1e-12), np.float32)
    flat = np.ptp(layout, axis=0) < FLAT
    layout[:, flat] = np.random.default_rng(seed).uniform(-1, 1, (len(points), int(flat.sum())))
    return layout
