"""Shared set-up of the tests."""

import os

# Before torch is imported: tests run tiny tensors, on which two threads that wait for each other only lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
