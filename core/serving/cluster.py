"""A cluster of one's own: how its scheduler and its workers are started, and what both need to be told."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from dask.system import CPU_COUNT

from core.system.errors import SettingError
from core.system.paths import ROOT

SETTINGS: dict[str, object] = {
    # The engine itself decides what runs again: only it knows which runs had begun.
    "distributed.scheduler.allowed-failures": 0,
    # With a queue at the scheduler, a run that was sent ahead to a busy worker overtakes better ones.
    "distributed.scheduler.worker-saturation": "inf",
    "distributed.worker.profile.enabled": False,
    # A worker above these marks would take no run ever again; `terminate` stays.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
"""What dask has to know, be the cluster this machine's own or one of several machines."""

SHORT_LOGS: dict[str, object] = {
    "distributed.admin.log-length": 200,
    "distributed.admin.low-level-log-length": 20,
    "distributed.admin.system-monitor.log-length": 60,
}
"""Nobody reads dask's logs of what passed: a server would hold its last thousand messages, each with an experiment."""


def threads(n_workers: int) -> dict[str, str]:
    """The environment in which each of `n_workers` processes of a machine takes its share of the cores."""
    share = str(max(1, CPU_COUNT // n_workers))
    return {f"{library}_NUM_THREADS": share for library in ("OMP", "MKL", "OPENBLAS")}


def with_project() -> dict[str, str]:
    """The environment of this process with this project on Python's path."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def variables() -> dict[str, str]:
    """`SETTINGS` as variables that dask reads."""
    return {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": str(SETTINGS[key]) for key in SETTINGS}


def become_scheduler(options: Sequence[str] = ()) -> NoReturn:
    """Go on as dask's own scheduler; variables that are set go before ours.

    Args:
        options: of `dask scheduler`, which go before ours.
    """
    _become([sys.executable, "-m", "dask", "scheduler", "--no-dashboard", *options], {})


def become_workers(address: str, n_workers: int, options: Sequence[str] = ()) -> NoReturn:
    """Go on as dask's own keeper of worker processes, each of which runs one experiment at a time and is replaced
    when it dies; variables that are set go before ours.

    Args:
        address: of the scheduler.
        n_workers: processes, which share the memory of the machine; dask itself would give each that of one core.
        options: of `dask worker`, which go before ours.

    Raises:
        SettingError: the address can't be read.
    """
    if not re.fullmatch(r"[a-z]+://\S+:\d+", address):
        raise SettingError(f"The scheduler's address is {address!r}; allowed: tcp://HOST:PORT or tls://HOST:PORT.")
    ours = ["--nthreads", "1", "--nworkers", str(n_workers), "--memory-limit", str(1.0 / n_workers), "--no-dashboard"]
    _become([sys.executable, "-m", "dask", "worker", address, *ours, *options], threads(n_workers))


def _become(command: list[str], more: Mapping[str, str]) -> NoReturn:
    sys.stderr.flush()
    os.execve(command[0], command, {**variables(), **more, **with_project()})
