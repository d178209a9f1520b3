"""Where runs execute: worker processes of dask.distributed, shared by everyone who uses the server.

An `Engine` talks to a scheduler. By default it starts one, with its workers, in a process of its own
(`python -m core.serving.engine`): under Streamlit, `multiprocessing` would take the page for the main module and
run it again in each worker. `POISON_LAB_SCHEDULER=tcp://host:port` uses a cluster that is already there:
`core.serving.cluster` starts its scheduler and its workers, which need the same `POISON_LAB_HOME` as the server.

Progress comes back as messages on one topic; results never travel: the worker writes them into the store.
"""

import gc
import importlib
import itertools
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, get_worker

from core.catalog.choices import resolve
from core.experiments import cost
from core.serving import cluster
from core.serving.journal import Journal
from core.spec.events import Event
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store
from core.system import cache, logs, retention
from core.system.errors import Cancelled, EngineError, PoisonLabError
from core.system.paths import results
from core.system.settings import Limits, log_form, scheduler, workers

log = logging.getLogger(__name__)

RETRIES = 2
"""How often a run starts again after its worker died."""
REMEMBERED = 200
"""Finished jobs that the engine still knows."""
CURVE_POINTS = 1000
"""Most points of a job's live curve; beyond, every other one is dropped."""
GRACE_SECONDS = 10.0
"""Time that a cancelled run has to stop by itself before its worker is restarted."""
_MESSAGE_SECONDS = 0.1
_START_SECONDS = 30.0

_CENSUS_SECONDS = 3.0
_LOST = "The connection to the scheduler was lost; ask for the run again."
_METRIC = "poison_lab"
"""Under which a worker's heartbeat tells the memory of its GPU."""

OUTCOMES = ("done", "failed", "cancelled", "refused")
"""How a request for a run may end, other than by a result that was there already."""

State = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class JobStatus:
    """A job at one moment.

    Attributes:
        place: k for the k-th in the queue, else 0.
        stage: a key of `core.spec.events.STAGES`, "" before the first event.
        done, total: steps of this stage; `total` 0 means unknown.
        fraction: part of the whole run that is done, by time, in [0, 1].
        started: epoch seconds at which a worker took it up; None before that and for stored results.
        elapsed: seconds since then, until it ended.
        seconds_left: estimate, the wait in the queue included; None once it is over.
        curve: `{"stage", "done", **values}` of events that carried values, oldest first; empty for stored
            results, whose whole curve is in the result.
        error: what went wrong, for a person to read; only when failed.
        lacks_workers: it waits, and the cluster has no worker at all.
    """

    state: State
    place: int
    stage: str
    done: int
    total: int
    fraction: float
    started: float | None
    elapsed: float
    seconds_left: float | None
    curve: list[dict[str, Any]]
    error: str | None
    lacks_workers: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in {"queued", "running"}


@dataclass(frozen=True)
class WorkerState:
    """A worker process at one moment.

    Attributes:
        memory: its bytes.
        gpu_used, gpu_total: bytes of its GPU that are taken, by whomever, and all; None until it has used one.
    """

    memory: int
    gpu_used: int | None = None
    gpu_total: int | None = None


@dataclass(frozen=True)
class Census:
    """What an engine has to do and has done, without a word of who asked for what.

    Attributes:
        alive: whether runs can start.
        since: epoch seconds at which it was started.
        queued, running: runs in flight.
        slots: runs that execute at a time; of a cluster, by the workers that are there now.
        wait: seconds that a run asked for now is expected to wait.
        outcomes: how many runs were done, failed, cancelled or refused since.
        workers: those that answer the scheduler; empty where that does not answer.
    """

    alive: bool
    since: float
    queued: int
    running: int
    slots: int
    wait: float
    outcomes: Mapping[str, int]
    workers: tuple[WorkerState, ...]


class Job:
    """A run that was asked for; everyone who asks for the same spec holds the same job.

    Attributes:
        id: the hash of the spec, under which the store has the result once the job is done.
        spec: the experiment, with all defaults filled in.
        people: who asked for it.
    """

    def __init__(self, engine: "Engine", spec: ExperimentSpec, person: str, priority: int, number: int) -> None:
        self.id = spec.hash
        self.spec = spec
        self.people = {person}
        self.run_id = f"{self.id}-{uuid.uuid4().hex[:8]}"
        self.priority = priority
        self._engine = engine
        self._number = number
        self._state: State = "queued"
        self._error: str | None = None
        self._trouble: Any = None
        self._stages = cost.estimate(spec)
        self._progress = cost.Progress(self._stages)
        self._curve: list[dict[str, Any]] = []
        self._started: float | None = None
        self._ended: float | None = None
        self._attempts = 0
        self._worker = ""
        self._future: Future | None = None
        self._over = threading.Event()
        self._off_worker = threading.Event()
        self._off_worker.set()

    def status(self) -> JobStatus:
        """The job at this moment; cheap enough to ask for every second."""
        with self._engine._lock:
            return self._engine._status(self)

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Block until the job is over, or for `timeout` seconds."""
        self._over.wait(timeout)
        return self.status()

    def cancel(self, person: str | None = None) -> bool:
        """Stop the job, at once if it is in the queue, else within seconds.

        Args:
            person: who no longer wants it: it goes on while others do. None stops it for everyone.

        Returns:
            Whether the job is stopped.
        """
        return self._engine._cancel(self, person)


class Errand:
    """A small piece of work beside the runs; everyone who asks for the same holds the same errand."""

    def __init__(self, future: Future) -> None:
        self._future = future

    @property
    def over(self) -> bool:
        """Whether it is done or has failed."""
        return bool(self._future.done())

    @property
    def error(self) -> str | None:
        """What went wrong, for a person to read; None while it is not over, and where nothing did."""
        if not self.over or self._future.status == "finished":
            return None
        error = self._future.exception() if self._future.status == "error" else None
        if isinstance(error, PoisonLabError):
            return str(error)
        if error is None or isinstance(error, KilledWorker):
            return "The worker process died or was lost; ask again."
        log.error("An errand failed", exc_info=(type(error), error, self._future.traceback()))
        return _internal(error)


class Engine:
    """Runs experiments, each once, and tells how far they are. Safe to use from any thread.

    Args:
        store: where results go; the workers must see its folder too.
        scheduler: address of a cluster; "" starts one on this machine.
        n_workers: worker processes to start, i.e. runs at a time; the cores are shared out among them.
        execute: "module:function" with the signature of `core.experiments.run.run`, imported by the worker.
        device: passed on to the runs.
        grace: seconds that a cancelled run has to stop before its worker is restarted.
        limits: what people may ask for.
        log_form: how the workers log, see `core.system.logs`.

    Raises:
        EngineError: no scheduler answers.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        scheduler: str = "",
        n_workers: int = 1,
        execute: str = "core.experiments.run:run",
        device: str = "auto",
        grace: float = GRACE_SECONDS,
        limits: Limits = Limits(),  # noqa: B008 (it is frozen)
        log_form: str = "text",
    ) -> None:
        self.store = store or Store(results())
        self.grace = grace
        self.limits = limits
        self._log_form = log_form
        self._execute = execute
        self._device = device
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._runs: dict[str, Job] = {}
        self._latest: dict[str, Job] = {}
        self._n_workers = n_workers
        self._there: dict[str, int] = {}
        self._warms = False
        self._warming: dict[str, Future] = {}
        self._journal = Journal(self.store.root)
        self._errands: dict[str, Errand] = {}
        self._errands_lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._since = time.time()
        self._host = None if scheduler else _start_host(n_workers)
        try:
            with dask.config.set(cluster.SHORT_LOGS):
                self._client = Client(scheduler or _address(self._host), set_as_default=False, timeout=_START_SECONDS)
            self._client.subscribe_topic("all", self._on_change)
            self._client.sync(self._count)
        except (OSError, ValueError) as error:
            _stop_host(self._host)
            raise EngineError(
                f"No scheduler answers at {scheduler or 'this machine'} ({error}); start one, or unset "
                "POISON_LAB_SCHEDULER to compute here."
            ) from error
        for spec_hash in self._journal.interrupted():
            log.warning("Run %s was interrupted when its server ended", spec_hash, extra={"run": spec_hash})
        self._topic = f"poison-lab-{uuid.uuid4().hex}"
        self._client.subscribe_topic(self._topic, self._on_message)

    @property
    def _slots(self) -> int:
        """Runs that execute at a time; a worker of this machine that died is on its way back."""
        return self._n_workers if self._host else sum(self._there.values())

    def _on_change(self, message: tuple[float, Mapping[str, Any]]) -> None:
        """Workers may come late and go at any time; called by the client's own thread."""
        if message[1].get("action") in {"add-worker", "remove-worker"}:
            self._client.loop.add_callback(self._count_again)

    async def _count_again(self) -> None:
        with suppress(OSError):  # the scheduler is gone, which the client tells
            await self._count()

    async def _count(self) -> None:
        """Take in which workers are there, and warm up those that are new, where that was asked for."""
        found = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        before, self._there = self._there, {address: worker["nthreads"] for address, worker in found.items()}
        if self._warms:
            self._warming = {address: future for address, future in self._warming.items() if address in self._there}
            for address in self._there.keys() - before.keys():
                self._warm(address)

    @property
    def alive(self) -> bool:
        """Whether the cluster is there; if not, a new engine is needed."""
        host_lives = self._host is None or self._host.poll() is None
        return host_lives and self._client.status not in {"closing", "closed"}

    def submit(self, spec: ExperimentSpec, person: str = "", *, again: bool = False) -> Job:
        """Ask for an experiment.

        The job is done at once where the store has the result, and shared where the same experiment is
        already waiting or running. Runs of one person follow each other: the more of them are in flight,
        the later the next one's turn.

        Args:
            spec: any spec; what it leaves open is filled in.
            person: whose turn it counts for; all who give no name count as one person without a limit.
            again: compute it although there is a result, which is shown meanwhile and then replaced.

        Raises:
            SpecError: the spec asks for something unknown.
            EngineError: there are too many runs in flight, this one would take too long, or the cluster is gone.
        """
        spec = resolve(spec)
        stored = not again and self.store.get(spec.hash) is not None
        with self._lock:
            job = self._latest.get(spec.hash)
            if job is not None and job._state in {"queued", "running"}:
                job.people.add(person)
                return job
            if job is not None and job._state == "done" and spec.hash in self.store and not again:
                return job
            in_flight = sum(person in other.people for other in self._runs.values() if not other._over.is_set())
            job = Job(self, spec, person, -in_flight, next(self._numbers))
            if not stored:
                try:
                    self._check_limits(job, person, in_flight)
                except EngineError as error:
                    self._outcomes["refused"] += 1
                    log.info("%s refused: %s", _named(job), error, extra=_fields(job))
                    raise
            self._runs[job.run_id] = self._latest[job.id] = job
            if stored:
                self._end(job, "done")
                return job
        self._journal.begin(spec)
        self._send(job)
        return job

    def _check_limits(self, job: Job, person: str, in_flight: int) -> None:
        if not self.alive:
            raise EngineError("The cluster that computes has stopped; reload the page to start another.")
        limits, total = self.limits, sum(not other._over.is_set() for other in self._runs.values())
        if person and in_flight >= limits.person_runs:
            raise EngineError(
                f"You have {in_flight} runs in flight, at most {limits.person_runs} are allowed; wait for some "
                "to end or cancel them."
            )
        if total >= limits.all_runs:
            raise EngineError(
                f"{total:,} runs are in flight on this server, at most {limits.all_runs:,} are allowed; wait for some "
                "to end."
            )
        expected = sum(job._stages.values())
        if expected > limits.run_seconds:
            raise EngineError(
                f"This run is expected to take {expected:,.0f} s on this machine, at most {limits.run_seconds:,.0f} s "
                "are allowed here; choose fewer images, steps or poisons, or run it from the command line."
            )

    def was_interrupted(self, spec_hash: str) -> bool:
        """Whether a run was in flight when its server ended, and nobody has asked for it since."""
        return spec_hash not in self.store and spec_hash in self._journal.interrupted()

    def job(self, spec_hash: str) -> Job | None:
        """The latest job of a spec, if the engine still knows it."""
        with self._lock:
            return self._latest.get(spec_hash)

    def jobs(self) -> list[Job]:
        """The latest job of each spec, the newest first."""
        with self._lock:
            return sorted(self._latest.values(), key=lambda job: job._number, reverse=True)

    def ask(self, key: str, work: str, *arguments: Any) -> Errand:
        """Have a worker do something small, before the runs that wait; what it returns is for nobody.

        Args:
            key: what is asked for: while one is on its way, or is done, the same errand is given to all.
            work: "module:function", imported by the worker, which leaves its result where all see it.
            arguments: plain data.

        Raises:
            EngineError: the cluster is gone.
        """
        with self._errands_lock:
            errand = self._errands.get(key)
            if errand is not None and errand.error is None:
                return errand
            if not self.alive:
                raise EngineError("The cluster that computes has stopped; reload the page to start another.")
            future = self._client.submit(
                _run_errand, work, arguments, self._log_form, key=f"errand-{uuid.uuid4().hex}", priority=1, pure=False
            )
            self._errands[key] = Errand(future)
            for old in list(self._errands)[:-REMEMBERED]:
                del self._errands[old]
            return self._errands[key]

    def census(self) -> Census:
        """Queue, outcomes and workers at this moment; asks the scheduler, for seconds at most."""
        workers = self._workers()
        now = time.monotonic()
        with self._lock:
            states = Counter(job._state for job in self._runs.values() if not job._over.is_set())
            flying = [job for job in self._runs.values() if not job._over.is_set()]
            left = sum(job._progress.seconds_left(now) for job in flying)
            return Census(
                alive=self.alive,
                since=self._since,
                queued=states["queued"],
                running=states["running"],
                slots=(slots := self._slots),
                wait=left / max(1, slots) if len(flying) >= slots else 0.0,
                outcomes={name: self._outcomes[name] for name in OUTCOMES},
                workers=workers,
            )

    def _workers(self) -> tuple[WorkerState, ...]:
        if not self.alive:
            return ()
        ask = self._client.scheduler.identity
        try:
            found = self._client.sync(ask, n_workers=-1, callback_timeout=_CENSUS_SECONDS)["workers"]
            told = [worker.get("metrics", {}) for _, worker in sorted(found.items())]
            return tuple(WorkerState(int(metrics.get("memory", 0)), **metrics.get(_METRIC, {})) for metrics in told)
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            log.warning("The scheduler does not say what its workers do: %r", error)
            return ()

    def warm_up(self) -> None:
        """Let idle workers import what runs need, so that the first run starts fast; those that come later too.

        Returns at once. A run that comes meanwhile waits for what is left of it, which is work that it needs itself.
        """
        self._warms, self._warming = True, {}
        for address in self._there:
            self._warm(address)

    def _warm(self, address: str) -> None:
        key = f"warm-up-{uuid.uuid4().hex}"
        future = self._client.submit(
            _warm_up, self._execute, self._log_form, key=key, priority=-1000, pure=False, workers=[address]
        )
        self._warming[address] = future
        future.add_done_callback(_log_failure)

    def close(self) -> None:
        """Cancel what is in flight and end the workers that this engine started."""
        self._journal.close()  # first: what is in flight is interrupted, and whoever comes back should see it
        with self._lock:
            for job in list(self._runs.values()):  # whose end makes room: older ones are forgotten
                if not job._over.is_set():
                    self._end(job, "cancelled")
        if self._client.status == "running":  # else the scheduler would tell a client that has left of its leaving
            for topic in ("all", self._topic):
                self._client.unsubscribe_topic(topic)
        self._client.close(timeout=5)
        _stop_host(self._host)

    def _lose(self) -> None:
        """Fail what is in flight: the cluster is gone."""
        with self._lock:
            for job in list(self._runs.values()):
                self._end(job, "failed", _LOST)
                job._off_worker.set()

    def _remember(self, before: "Engine") -> None:
        """Know the jobs of an engine whose cluster is gone, so that people who come back see how they ended."""
        with self._lock:
            self._runs = {**before._runs, **self._runs}
            self._latest = {**before._latest, **self._latest}

    def _send(self, job: Job) -> None:
        # Never under the lock: the client's own thread takes it for every message.
        key = f"run-{job.run_id}-{uuid.uuid4().hex[:8]}"
        try:
            future = self._client.submit(
                _run_in_worker,
                job.spec.to_json(),
                job.run_id,
                self._topic,
                self._execute,
                str(self.store.root.resolve()),
                self._device,
                self.limits,
                self._log_form,
                key=key,
                priority=job.priority,
                pure=False,
            )
        except (OSError, RuntimeError, ValueError) as error:
            with self._lock:
                self._end(job, "failed", f"The scheduler can't be reached ({error}); ask for the run again.")
            return
        with self._lock:
            job._future = future
            unwanted = job._over.is_set()
        if unwanted:
            future.cancel()
        else:
            future.add_done_callback(lambda future: self._on_done(job, future))

    def _on_message(self, message: tuple[float, Mapping[str, Any]]) -> None:
        """Take in what a worker says of a run; called by the client's own thread, so it must not block."""
        _, body = message
        with self._lock:
            job = self._runs.get(body["run"])
            if job is None:
                return
            if body["kind"] == "start":
                job._worker = body["worker"]
                job._off_worker.clear()
                if job._over.is_set():  # cancelled in the moment in which it left the queue
                    self._stop_soon(job)
                else:
                    self._begin(job)
            elif body["kind"] == "end":
                job._off_worker.set()
            elif job._state == "running":
                _advance(job, body["event"])

    def _begin(self, job: Job) -> None:
        job._attempts += 1
        job._state = "running"
        job._started = time.time()
        job._progress = cost.Progress(job._stages)
        job._curve = []
        log.info("%s started", _named(job), extra={**_fields(job), "attempt": job._attempts})

    def _on_done(self, job: Job, future: Future) -> None:
        """The task is over for the scheduler; called by a thread of the client's."""
        job._off_worker.set()
        if job._over.is_set():
            return
        try:
            state, message = self._outcome(job, future)
        except Exception as error:
            log.exception("The outcome of run %s can't be told", job.id)
            state, message = "failed", _internal(error)
        if state == "queued":
            log.warning("The worker of run %s died; the run starts again", job.id)
            with self._lock:
                if job._over.is_set():
                    return
                job._state, job._progress = "queued", cost.Progress(job._stages)
            self._send(job)
            return
        with self._lock:
            self._end(job, state, message)

    def _outcome(self, job: Job, future: Future) -> tuple[State, str | None]:
        if future.status == "finished":
            run = self.store.get(job.id)
            if run is None:
                where = self.store.root
                return (
                    "failed",
                    f"The result isn't in {where}; workers and server must share POISON_LAB_HOME.",
                )
            cost.record(run.result)
            return "done", None
        if future.status != "error":
            return "failed", _LOST
        error = future.exception()
        if isinstance(error, KilledWorker):
            # Runs that only waited at a worker that died have made no attempt.
            if job._attempts <= RETRIES:
                return "queued", None
            return "failed", (
                f"The worker process died {job._attempts} times during this run, most likely for lack of "
                "memory; try fewer training images, a smaller input size or a smaller budget."
            )
        if isinstance(error, Cancelled):
            return "cancelled", None
        if isinstance(error, PoisonLabError):
            return "failed", str(error)
        job._trouble = (type(error), error, future.traceback())
        return "failed", _internal(error)

    def _end(self, job: Job, state: State, error: str | None = None) -> None:
        """Settle a job for good, once; the caller holds the lock."""
        if job._over.is_set():
            return
        job._state, job._error, job._ended = state, error, time.time()
        job._over.set()
        self._journal.end(job.id)
        self._tell_end(job, state)
        over = [other for other in self._runs.values() if other._over.is_set() and other._off_worker.is_set()]
        for old in over[:-REMEMBERED]:
            del self._runs[old.run_id]
            if self._latest.get(old.id) is old:
                del self._latest[old.id]

    def _tell_end(self, job: Job, state: State) -> None:
        if state == "done" and not job._attempts:  # it was stored before
            return
        self._outcomes[state] += 1
        fields = {**_fields(job), "state": state, "seconds": round(self._elapsed(job), 2)}
        after = f"{_named(job)} {'ended' if state == 'done' else state} after {fields['seconds']:g} s"
        if state == "failed":
            log.error("%s: %s", after, job._error, extra=fields, exc_info=job._trouble)
        else:
            log.info("%s", after, extra=fields)

    def _elapsed(self, job: Job) -> float:
        return 0.0 if job._started is None else (job._ended or time.time()) - job._started

    def _cancel(self, job: Job, person: str | None) -> bool:
        with self._lock:
            if job._over.is_set():
                return job._state == "cancelled"
            job.people -= job.people if person is None else {person}
            if job.people:
                return False
            waiting, future = job._state == "queued", job._future
            self._end(job, "cancelled")
            if not waiting:
                self._stop_soon(job)
        if waiting and future is not None:
            future.cancel()
        return True

    def _stop_soon(self, job: Job) -> None:
        threading.Thread(target=self._stop, args=(job,), name=f"stop-{job.id}", daemon=True).start()

    def _stop(self, job: Job) -> None:
        """Ask the worker to stop a run, then make it."""
        # Not waited for: a worker that is stuck would not answer.
        threading.Thread(target=self._tell_to_stop, args=(job,), daemon=True).start()
        if job._off_worker.wait(self.grace):
            return
        log.warning("Run %s does not stop; restarting its worker", job.id)
        try:
            if job._future is not None:
                job._future.cancel()
            self._client.restart_workers([job._worker], timeout=30, raise_for_error=False)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            log.warning("Worker %s can't be restarted: %s", job._worker, error)
        job._off_worker.set()

    def _tell_to_stop(self, job: Job) -> None:
        try:
            self._client.run(_ask_to_stop, job.run_id, workers=[job._worker], on_error="ignore")
        except (OSError, ValueError, RuntimeError) as error:
            log.info("Worker %s can't be told to stop run %s: %s", job._worker, job.id, error)

    def _status(self, job: Job) -> JobStatus:
        now = time.monotonic()
        queue = self._queue() if job._state == "queued" else []
        seconds_left, slots = None, self._slots
        if job._state == "running":
            seconds_left = job._progress.seconds_left(now)
        elif job._state == "queued" and slots:
            ahead = queue[: queue.index(job)] + [j for j in self._runs.values() if j._state == "running"]
            wait = sum(other._progress.seconds_left(now) for other in ahead) / slots
            seconds_left = wait + sum(job._stages.values())
        fraction = {"done": 1.0, "queued": 0.0}.get(job._state)
        return JobStatus(
            state=job._state,
            place=queue.index(job) + 1 if queue else 0,
            stage=job._progress.stage,
            done=job._progress.done,
            total=job._progress.total,
            fraction=job._progress.fraction(now) if fraction is None else fraction,
            started=job._started,
            elapsed=self._elapsed(job),
            seconds_left=seconds_left,
            curve=list(job._curve),
            error=job._error,
            lacks_workers=job._state == "queued" and not slots,
        )

    def _queue(self) -> list[Job]:
        """Jobs that wait, in the order in which the scheduler takes them up."""
        waiting = (job for job in self._runs.values() if job._state == "queued")
        return sorted(waiting, key=lambda job: (-job.priority, job._number))


_engine: Engine | None = None
_engine_lock = threading.Lock()


def current() -> Engine | None:
    """The engine of this process if it is there; none is started."""
    return _engine


def get_engine() -> Engine:
    """The one engine of this process; started at the first call, and again where its cluster has died.

    Where runs execute, and what people may ask for, is read from the environment: see `core.system.settings`.
    """
    global _engine
    with _engine_lock:
        before = _engine
        if before is not None and before.alive:
            return before
        if before is not None:
            log.warning("The cluster is gone; starting another")
            before._lose()
            before.close()
        _engine = Engine(scheduler=scheduler(), n_workers=workers(), limits=Limits.read(), log_form=log_form())
        if before is not None:
            _engine._remember(before)
        return _engine


class Reporter:
    """The observer of a run in a worker: passes events on, not too often, and ends a run that is cancelled.

    The last event of a stage is always passed on.

    Args:
        send: takes an event as plain data.
        cancelled: whether the run should stop.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], cancelled: Callable[[], bool]) -> None:
        self._send = send
        self._cancelled = cancelled
        self._held: Event | None = None
        self._stage = ""
        self._sent_at = -float("inf")

    def __call__(self, event: Event) -> None:
        """Take in an event.

        Raises:
            Cancelled: the run should stop.
        """
        if self._cancelled():
            raise Cancelled("The run was cancelled.")
        if event.stage != self._stage:
            self.flush()
        now = time.monotonic()
        ends = 0 < event.total <= event.done
        if event.stage != self._stage or ends or now - self._sent_at >= _MESSAGE_SECONDS:
            self._pass_on(event)
            self._stage, self._sent_at = event.stage, now
        else:
            self._held = event

    def flush(self) -> None:
        """Pass on the event that was held back, if any."""
        if self._held is not None:
            self._pass_on(self._held)

    def _pass_on(self, event: Event) -> None:
        self._held = None
        # NumPy's numbers can't travel in a message.
        values = {name: float(value) for name, value in event.values.items()}
        self._send({"stage": event.stage, "done": int(event.done), "total": int(event.total), "values": values})


_to_stop: set[str] = set()
"""In a worker: runs that were cancelled. A set look-up at each step costs nothing, a message would."""


def _ask_to_stop(run_id: str) -> None:
    _to_stop.add(run_id)


def _run_in_worker(
    spec_json: str, run_id: str, topic: str, execute: str, root: str, device: str, limits: Limits, log_form: str
) -> None:
    """Run an experiment in a worker and store what it found."""
    worker = get_worker()
    _prepare(worker, log_form)

    def send(kind: str, **body: Any) -> None:
        worker.log_event(topic, {"run": run_id, "kind": kind, **body})

    send("start", worker=worker.address)
    try:
        reporter = Reporter(lambda event: send("event", event=event), lambda: run_id in _to_stop)
        spec = ExperimentSpec.model_validate_json(spec_json)
        result = _load(execute)(spec, reporter, device=device)
        reporter.flush()
        store = Store(Path(root), shipped=None)
        store.put(result)
        _make_room(store, spec.hash, limits)
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # else they hold the run's tensors
        raise
    finally:
        _to_stop.discard(run_id)
        send("end")
        _give_back_memory()


def _run_errand(work: str, arguments: tuple[Any, ...], log_form: str) -> None:
    _prepare(get_worker(), log_form)
    _load(work)(*arguments)


def _prepare(worker: Any, log_form: str) -> None:
    """Let a worker log as the server does, and tell the memory of its GPU with each heartbeat."""
    logs.setup(log_form)
    worker.metrics[_METRIC] = _gpu_memory


def _gpu_memory(worker: Any) -> dict[str, int]:
    """Bytes of the GPU that a worker uses; nothing where it has used none, as asking would take memory there."""
    torch = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_initialized():
            return {}
        free, total = torch.cuda.mem_get_info()
    except (AttributeError, RuntimeError):  # just being imported, or the GPU is in trouble
        return {}
    return {"gpu_used": total - free, "gpu_total": total}


def _give_back_memory() -> None:
    """Leave to others what a run no longer needs of its GPU: torch would keep all that was ever taken."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def _make_room(store: Store, written: str, limits: Limits) -> None:
    """Hold store and cache to their limits; what goes wrong here is no fault of the run, which is stored."""
    try:
        store.clean(limits.store_megabytes * retention.MEGABYTE, keep=[written])
        cache.clean(limits.cache_megabytes * retention.MEGABYTE)
    except Exception:
        log.exception("No room could be made in %s", store.root)


def _warm_up(execute: str, log_form: str) -> None:
    _prepare(get_worker(), log_form)
    _load(execute)
    warm_up = getattr(sys.modules[execute.partition(":")[0]], "warm_up", None)
    if warm_up is not None:
        warm_up()


def _load(execute: str) -> Callable[..., Any]:
    """Import the function that runs experiments; torch, where that brings it, gets its number of threads."""
    module, _, name = execute.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    torch, threads = sys.modules.get("torch"), os.environ.get("OMP_NUM_THREADS", "")
    if torch is not None and threads.isdigit():
        torch.set_num_threads(int(threads))
    return function


def _advance(job: Job, event: Mapping[str, Any]) -> None:
    job._progress.update(event["stage"], event["done"], event["total"], time.monotonic())
    if event["values"]:
        job._curve.append({"stage": event["stage"], "done": event["done"], **event["values"]})
        if len(job._curve) > CURVE_POINTS:
            job._curve = job._curve[::2]


def _named(job: Job) -> str:
    return f"Run {job.id} ({job.spec.attack.name})"


def _fields(job: Job) -> dict[str, Any]:
    """What a line of the log says of a run; never who asked for it."""
    return {"run": job.id, "attack": job.spec.attack.name}


def _internal(error: BaseException) -> str:
    return f"The run stopped on an internal error ({type(error).__name__}); the server's log has the details."


def _log_failure(future: Future) -> None:
    if future.status == "error":
        log.warning("Warming up failed: %r", future.exception())


def _start_host(n_workers: int) -> "subprocess.Popen[str]":
    """Start the process that holds the scheduler and its workers; it ends when its standard input does."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore:resource_tracker", "-m", "core.serving.engine", str(n_workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=cluster.with_project(),
        start_new_session=True,  # Ctrl-C is for the server, which then ends it in order
    )


def _address(host: "subprocess.Popen[str] | None") -> str:
    if host is None or host.stdout is None:
        return ""
    late = threading.Timer(_START_SECONDS, host.kill)
    late.start()
    address = host.stdout.readline().strip()
    late.cancel()
    if not address:
        raise OSError("its process did not start; see the log above")
    return address


def _stop_host(host: "subprocess.Popen[str] | None") -> None:
    if host is None:
        return
    for pipe in (host.stdin, host.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    try:
        host.wait(10)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()


def serve(n_workers: int) -> None:
    """Be the cluster of one engine until standard input ends; the address is the only line of output."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not fill the pipe
    environment = "distributed.nanny.pre-spawn-environ"  # dask's own keeps freed memory from staying with a worker
    dask.config.set(
        {
            **cluster.SETTINGS,
            **cluster.SHORT_LOGS,
            environment: {**dask.config.get(environment), **cluster.threads(n_workers)},
            # The cluster closes a nanny for good whose worker is down this long after it died once, be it down only
            # again: nobody would start another.
            "distributed.deploy.lost-worker-timeout": "1000 days",
        }
    )
    local = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # None would be port 8787
        silence_logs=logging.CRITICAL,
    )
    print(local.scheduler_address, file=output, flush=True)
    sys.stdin.read()
    # No farewell: the workers end with this process, at once, and a store never holds half a result.
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
