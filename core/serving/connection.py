"""The server's connection to a scheduler, local or of a cluster, and the workers it has."""

import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import dask
from distributed import Client, Future

from core.serving import cluster, worker
from core.serving.host import Host
from core.serving.status import WorkerStatus
from core.system.errors import EngineError

log = logging.getLogger(__name__)

START_SECONDS = 30.0
"""Timeout for a scheduler's answer."""
_STATUS_SECONDS = 3.0
_ALL_CHANGES = "all"
"""Dask's topic for workers that join and leave."""


class Connection:
    """A scheduler and its workers, as the server sees them. Safe to use from any thread.

    Args:
        scheduler: address of a cluster; "" starts one on this machine.
        n_workers: worker processes to start there.

    Attributes:
        client: dask's client.
        host: the process of scheduler and workers; None if the cluster was already running.

    Raises:
        EngineError: no scheduler answers.
    """

    def __init__(self, scheduler: str, n_workers: int) -> None:
        self._n_workers = n_workers
        self._threads_by_worker: dict[str, int] = {}
        self._warm_up: tuple[str, str] | None = None
        self._warming: dict[str, Future] = {}
        self.host = None if scheduler else Host(n_workers)
        try:
            address = self.host.address(START_SECONDS) if self.host else scheduler
            with dask.config.set(cluster.SHORT_LOGS):
                self.client = Client(address, set_as_default=False, timeout=START_SECONDS)
            self.client.subscribe_topic(_ALL_CHANGES, self._on_change)
            self.client.sync(self._count)
        except (OSError, ValueError) as error:
            if self.host:
                self.host.stop()
            raise EngineError(
                f"No scheduler answers at {scheduler or 'this machine'} ({error}); start one, or unset "
                "POISON_LAB_SCHEDULER to compute here."
            ) from error

    @property
    def alive(self) -> bool:
        """Whether the cluster is reachable; if not, a new connection is needed."""
        host_is_alive = self.host is None or self.host.alive
        return host_is_alive and self.client.status not in {"closing", "closed"}

    @property
    def slots(self) -> int:
        """Number of runs that can execute at a time; local workers that died are being restarted and count."""
        return self._n_workers if self.host else sum(self._threads_by_worker.values())

    def require(self) -> None:
        """Check that the cluster is reachable.

        Raises:
            EngineError: it isn't.
        """
        if not self.alive:
            raise EngineError("The cluster that computes has stopped; reload the page to start another.")

    def workers(self) -> tuple[WorkerStatus, ...]:
        """Workers that answer the scheduler, sorted by address; takes a few seconds at most."""
        if not self.alive:
            return ()
        ask = self.client.scheduler.identity
        try:
            workers = self.client.sync(ask, n_workers=-1, callback_timeout=_STATUS_SECONDS)["workers"]
            heartbeats = [workers[address].get("metrics", {}) for address in sorted(workers)]
            return tuple(
                WorkerStatus(int(heartbeat.get("memory", 0)), **heartbeat.get(worker.HEARTBEAT_METRIC, {}))
                for heartbeat in heartbeats
            )
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            log.warning("The scheduler does not report its workers: %r", error)
            return ()

    def warm_up(self, execute: str, log_form: str) -> None:
        """Let current and future workers import what runs need; returns immediately.

        Args:
            execute: "module:function" that executes runs.
            log_form: how the workers log, see `core.system.logs`.
        """
        self._warm_up, self._warming = (execute, log_form), {}
        for address in self._threads_by_worker:
            self._warm(address)

    def close(self) -> None:
        """Close the connection, and stop the workers that were started for it."""
        if self.client.status == "running":  # else the scheduler would notify a closed client
            self.client.unsubscribe_topic(_ALL_CHANGES)
        self.client.close(timeout=5)
        if self.host:
            self.host.stop()

    def _on_change(self, message: tuple[float, Mapping[str, Any]]) -> None:
        """A worker has joined or left; called by the client's own thread."""
        if message[1].get("action") in {"add-worker", "remove-worker"}:
            self.client.loop.add_callback(self._count_again)

    async def _count_again(self) -> None:
        with suppress(OSError):  # the scheduler is unreachable, which the client reports
            await self._count()

    async def _count(self) -> None:
        """Update the list of workers, and warm up new ones if requested."""
        workers = (await self.client.scheduler.identity(n_workers=-1))["workers"]
        previous = self._threads_by_worker
        self._threads_by_worker = {address: info["nthreads"] for address, info in workers.items()}
        if self._warm_up is not None:
            current = self._threads_by_worker
            self._warming = {address: future for address, future in self._warming.items() if address in current}
            for address in current.keys() - previous.keys():
                self._warm(address)

    def _warm(self, address: str) -> None:
        assert self._warm_up is not None
        execute, log_form = self._warm_up
        key = f"warm-up-{uuid.uuid4().hex}"
        future = self.client.submit(
            worker.warm_up, execute, log_form, key=key, priority=-1000, pure=False, workers=[address]
        )
        self._warming[address] = future
        future.add_done_callback(_log_failure)


def _log_failure(future: Future) -> None:
    if future.status == "error":
        log.warning("Warming up failed: %r", future.exception())
