"""What a class costs: times, memory of the processes, and whether it grows."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil

SAMPLE_SECONDS = 1.0
WINDOW_SECONDS = 60.0
MIB = 2**20
PROCESSES = ("server", "scheduler", "workers")


@dataclass
class Memory:
    """Resident memory over time.

    Attributes:
        seconds: since the beginning, of each sample.
        mib: by process, MiB of each sample.
    """

    seconds: list[float] = field(default_factory=list)
    mib: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PROCESSES})


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Count, median, 95th percentile and largest; of none, only the count."""
    if not seconds:
        return {"count": 0}
    middle, high = np.percentile(seconds, [50, 95])
    return {"count": len(seconds), "p50": float(middle), "p95": float(high), "largest": max(seconds)}


def growth(seconds: Sequence[float], mib: Sequence[float], warm: float) -> dict[str, float]:
    """Mean memory in the first, the middle and the last minute after the warm-up, and the slope in MiB a minute.

    Args:
        seconds, mib: samples in order.
        warm: seconds of warm-up; where less than three minutes follow, the windows are thirds of what does.

    Raises:
        ValueError: fewer than three samples after the warm-up.
    """
    at, taken = np.asarray(seconds, dtype=float), np.asarray(mib, dtype=float)
    at, taken = at[at >= warm], taken[np.asarray(seconds) >= warm]
    if len(at) < 3:
        raise ValueError(f"{len(at)} samples of memory after {warm:g} s of warm-up; at least 3 are needed.")
    window = min(WINDOW_SECONDS, (at[-1] - at[0]) / 3)
    middle = (at[0] + at[-1]) / 2
    parts = {
        "first": taken[at <= at[0] + window],
        "middle": taken[abs(at - middle) <= window / 2],
        "last": taken[at >= at[-1] - window],
    }
    slope = np.polyfit(at / 60, taken, 1)[0]
    return {name: float(part.mean()) for name, part in parts.items() if len(part)} | {"slope": float(slope)}


def listener(port: int) -> psutil.Process:
    """The process of this user that listens on a port of this machine.

    Raises:
        LookupError: there is none.
    """
    for process in psutil.process_iter():
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue
        if any(socket.status == psutil.CONN_LISTEN and socket.laddr.port == port for socket in sockets):
            return process
    raise LookupError(f"No process of yours listens on port {port}.")


def parts(server: psutil.Process) -> dict[str, list[psutil.Process]]:
    """The processes of a server: itself, the one that holds the scheduler, and its workers."""
    processes_by_role: dict[str, list[psutil.Process]] = {"server": [server], "scheduler": [], "workers": []}
    for process in server.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        processes_by_role["scheduler" if "core.serving.host" in command else "workers"].append(process)
    return processes_by_role


def by_minute(seconds: Sequence[float], mib: Sequence[float]) -> list[float]:
    """Mean memory in each minute, MiB."""
    minutes = np.asarray(seconds, dtype=float) // WINDOW_SECONDS
    return [float(np.asarray(mib)[minutes == minute].mean()) for minute in np.unique(minutes)]


async def watch(server: psutil.Process, memory: Memory) -> None:
    """Take samples of the memory until cancelled."""
    start = time.monotonic()
    while True:
        taken = {name: sum(map(_resident, processes)) for name, processes in parts(server).items()}
        memory.seconds.append(time.monotonic() - start)
        for name, size in taken.items():
            memory.mib[name].append(size / MIB)
        await asyncio.sleep(SAMPLE_SECONDS)


async def lateness(delays: list[float]) -> None:
    """How late this process is, in seconds, until cancelled: what it adds to the times that it measures."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(0.1)
        delays.append(time.perf_counter() - start - 0.1)


def processor_seconds(server: psutil.Process) -> dict[str, float]:
    """Processor seconds so far of the server's processes, and of this one."""
    spent = {name: sum(map(_processor, processes)) for name, processes in parts(server).items()}
    return spent | {"students": sum(os.times()[:2])}


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


def _processor(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.Error:
        return 0.0
