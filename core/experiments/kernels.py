"""Caching of the kernels that numba compiles for umap-learn.

umap-learn and pynndescent compile most of their kernels without `cache=True`, so that every process spends half a
minute on compiling them before its first map (proposed upstream in lmcinnes/umap#1257, "Add cache=True to critical
numba.njit functions", which was closed). Enabling the cache from outside keeps them on disk: beside the
packages' byte code, or in the user's cache folder. If neither is writable, they are compiled again. Called by
`core.experiments.projection` before its first fit, never at import.
"""

import functools
import sys
from contextlib import suppress

from numba.core.dispatcher import Dispatcher


@functools.cache  # once per process: importing umap defines all kernels
def keep_compiled_kernels() -> None:
    """Enable numba's disk cache for every imported kernel of umap-learn and pynndescent."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("umap", "pynndescent")]
    for kernel in {kernel for module in modules for kernel in vars(module).values() if isinstance(kernel, Dispatcher)}:
        with suppress(RuntimeError):
            kernel.enable_caching()
