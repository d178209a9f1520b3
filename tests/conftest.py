"""Shared set-up of the tests."""

import os

# Before torch is imported: tests run tiny tensors, on which two threads that wait for each other only lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# UMAP's numba shares torch's OpenMP, and would set it back to a thread for each core.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest


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
