"""The map by umap-learn, for whoever asks for it by `POISON_LAB_MAP=umap-learn`; the oracle of the tests.

umap-learn and pynndescent compile most of their kernels without `cache=True`, so that every process spends half a
minute on compiling them before its first map (proposed upstream in lmcinnes/umap#1257, "Add cache=True to critical
numba.njit functions", which was closed). Enabling the cache from outside keeps them on disk: beside the packages' byte
code, or in the user's cache folder. If neither is writable, they are compiled again.
"""

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch
import umap
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

Features = NDArray[np.float32]
SMALL = 4096
"""Below this number of points all distances are computed; above, umap-learn searches neighbours approximately."""


def fit(
    z: Features, start: Features, neighbors: int, seed: int, *, is_laid_out: bool
) -> tuple[Features, Callable[[Features], Features]]:
    """The positions (n, 2) of features (n, d), and the function that places new features (m, d).

    Args:
        z: features of the points.
        start: (n, 2) positions to start from.
        neighbors: number of neighbours of each point, itself included.
        seed: of the layout and of the placing.
        is_laid_out: whether `start` are the positions, so that only the graph is needed.
    """
    keep_compiled_kernels()
    is_small = len(z) < SMALL

    def near(points: Features) -> Features:
        """The model's input for features (m, d): their distances (m, n) if there are few points."""
        return np.asarray(pairwise_distances(points, z), np.float32) if is_small else points

    with _quiet_umap():
        model = umap.UMAP(
            n_neighbors=min(neighbors, len(z) - 1),
            metric="precomputed" if is_small else "euclidean",
            random_state=seed,
            # 0 builds the graph and leaves the layout alone.
            n_epochs=0 if is_laid_out else None,
            transform_seed=seed,
            init=start,
        )
        model.fit(near(z))
    xy = start if is_laid_out else np.asarray(model.embedding_, np.float32)
    model.embedding_ = xy.copy()
    model.n_epochs = None  # transform derives its own number of epochs from this field

    def place(points: Features) -> Features:
        with _quiet_umap():
            return np.asarray(model.transform(near(points)), np.float32)

    return xy, place


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


@functools.cache  # once per process: importing umap defines all kernels
def keep_compiled_kernels() -> None:
    """Enable numba's disk cache for every imported kernel of umap-learn and pynndescent."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("umap", "pynndescent")]
    for kernel in {kernel for module in modules for kernel in vars(module).values() if isinstance(kernel, Dispatcher)}:
        with suppress(RuntimeError):
            kernel.enable_caching()
