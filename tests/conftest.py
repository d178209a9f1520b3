"""Shared set-up of the tests."""

import os

# Before torch is imported: tests run tiny tensors, on which two threads that wait for each other only lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# UMAP's numba shares torch's OpenMP, and would set it back to a thread for each core.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
