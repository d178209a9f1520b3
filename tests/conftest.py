"""Shared set-up of the tests."""

import gc
import os
import sys

# Before torch is imported: tests run tiny tensors, on which two threads that wait for each other only lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# UMAP's numba shares torch's OpenMP, and would set it back to a thread for each core.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
# No server of a test computes what nobody has asked for, but where that is tested.
os.environ.setdefault("POISON_LAB_AHEAD", "0")

from collections.abc import Iterator
from typing import Any

import pytest

from tests import long

THREADS = int(os.environ["OMP_NUM_THREADS"])
MAIN = sys.modules["__main__"]
LONG = long.names()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that take long, by the list of them."""
    if long.without_parameters(item.nodeid) in LONG:
        item.add_marker("long")


def pytest_collection_finish() -> None:
    """Tests and modules stay to the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin each test as the first one does, whatever the process has run before; skip what needs a GPU without one.

    Commands and workers choose torch's number of threads, on which the last digits depend. Streamlit's tester leaves
    its page as the main module, which processes that `multiprocessing` spawns would run.
    """
    if item.get_closest_marker("gpu") is not None and not _sees_a_gpu():
        pytest.skip("NO GPU: nothing was tested on one; benchmarks/gpu.sh does so where there is one")
    sys.modules["__main__"] = MAIN
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != THREADS:
        torch.set_num_threads(THREADS)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say at the very end which line of which test failed, and why: all that a browser says of its page can be long."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("failed", []) + reporter.stats.get("error", []) if reporter else []:
        reporter.write_line(f"{report.nodeid}: {_reason(report.longrepr)}")


def _reason(failure: Any) -> str:
    """Where in the test it failed, and the first line of the message; the beginning of what has no such parts."""
    if getattr(failure, "reprcrash", None) is None:
        return str(failure)[:200]
    place = getattr(failure.reprtraceback.reprentries[0], "reprfileloc", None)
    return f"line {place.lineno if place else '?'}: {failure.reprcrash.message.splitlines()[0]}"


def _sees_a_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


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
