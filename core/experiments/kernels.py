"""Keeping the kernels that numba compiles for umap-learn.

umap-learn and pynndescent compile most of their kernels without `cache=True`, so that every process that draws its
first map compiles them for half a minute (proposed upstream in lmcinnes/umap#1257, "Add cache=True to critical
numba.njit functions", which was closed). Asking numba for the cache from outside keeps them on disk: among the
packages' own byte code, or in the user's cache folder. Where neither can be written they are compiled again. Called by
`core.experiments.projection` before its first fit, never at import.
"""

import functools
import sys
from contextlib import suppress

from numba.core.dispatcher import Dispatcher


@functools.cache  # once in a process: all kernels are there after the import of umap
def keep_compiled_kernels() -> None:
    """Let numba cache every kernel of umap-learn and pynndescent that is imported."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("umap", "pynndescent")]
    for kernel in {kernel for module in modules for kernel in vars(module).values() if isinstance(kernel, Dispatcher)}:
        with suppress(RuntimeError):
            kernel.enable_caching()
