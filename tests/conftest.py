"""Shared set-up of the tests."""

import os
import sys

# Before torch is imported: tests run tiny tensors, on which two threads that wait for each other only lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# UMAP's numba shares torch's OpenMP, and would set it back to a thread for each core.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def process_state() -> Iterator[None]:
    """Restore what tests change of their process, so that none depends on those before it.

    Streamlit's tester replaces the main module, which processes that are started later would import; choosing a device
    gives torch a thread for each core, with which sums come out in another order.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(scope="module")
def examples() -> Iterator[None]:
    """The two plug-ins of `examples/`, for the tests of a module that hold for every attack and every defence."""
    from tests.plugins import BLEND, NORM, loaded

    with loaded(BLEND, NORM):
        yield


@pytest.fixture
def plugins_for_a_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test loads, be it by its environment, goes with its end."""
    from tests.plugins import loaded

    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    with loaded():
        yield
