"""Starting the scheduler and the workers of a cluster, and dask's settings for both."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from dask.system import CPU_COUNT

from core.system.errors import SettingError
from core.system.paths import ROOT

SETTINGS: dict[str, object] = {
    # The engine itself decides what to retry: only it knows which runs had started.
    "distributed.scheduler.allowed-failures": 0,
    # With a queue at the scheduler, a run already assigned to a busy worker would overtake runs of higher priority.
    "distributed.scheduler.worker-saturation": "inf",
    "distributed.worker.profile.enabled": False,
    # A worker above these thresholds would never accept a run again; `terminate` stays enabled.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
"""Dask's settings, for a local cluster as well as one of several machines."""

SHORT_LOGS: dict[str, object] = {
    "distributed.admin.log-length": 200,
    "distributed.admin.low-level-log-length": 20,
    "distributed.admin.system-monitor.log-length": 60,
}
"""Limits of dask's unused event logs, which would otherwise hold thousands of messages with whole experiments."""


def threads(n_workers: int) -> dict[str, str]:
    """Environment variables that give each of `n_workers` processes of a machine an equal share of its cores."""
    share = str(max(1, CPU_COUNT // n_workers))
    return {f"{library}_NUM_THREADS": share for library in ("OMP", "MKL", "OPENBLAS")}


def with_project() -> dict[str, str]:
    """The environment of this process with the project on Python's path."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def variables() -> dict[str, str]:
    """`SETTINGS` as environment variables for dask."""
    return {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": str(SETTINGS[key]) for key in SETTINGS}


def become_scheduler(options: Sequence[str] = ()) -> NoReturn:
    """Replace this process by dask's scheduler; variables that are already set take precedence over ours.

    Args:
        options: of `dask scheduler`; they take precedence over ours.
    """
    _become([sys.executable, "-m", "dask", "scheduler", "--no-dashboard", *options], {})


def become_workers(address: str, n_workers: int, options: Sequence[str] = ()) -> NoReturn:
    """Replace this process by dask's nanny of worker processes.

    Each worker runs one experiment at a time and is restarted when it dies. Variables that are already set take
    precedence over ours.

    Args:
        address: of the scheduler.
        n_workers: number of processes, which share the memory of the machine equally; dask would share it by cores.
        options: of `dask worker`; they take precedence over ours.

    Raises:
        SettingError: the address is invalid.
    """
    if not re.fullmatch(r"[a-z]+://\S+:\d+", address):
        raise SettingError(f"The scheduler's address is {address!r}; allowed: tcp://HOST:PORT or tls://HOST:PORT.")
    defaults = [
        "--nthreads",
        "1",
        "--nworkers",
        str(n_workers),
        "--memory-limit",
        str(1.0 / n_workers),
        "--no-dashboard",
    ]
    _become([sys.executable, "-m", "dask", "worker", address, *defaults, *options], threads(n_workers))


def _become(command: list[str], more: Mapping[str, str]) -> NoReturn:
    sys.stderr.flush()
    os.execve(command[0], command, {**variables(), **more, **with_project()})
