"""The engine executes runs in worker processes of dask.distributed, shared by all users of the server.

An `Engine` talks to a scheduler. By default it starts one, with its workers, in a process of its own: see
`core.serving.host`. `POISON_LAB_SCHEDULER=tcp://host:port` uses an existing cluster:
`core.serving.cluster` starts its scheduler and its workers, which need the same `POISON_LAB_HOME` as the server.
"""

import logging
import threading
import time
from collections import Counter
from typing import Any

from core.catalog.choices import resolve
from core.serving.ahead import Ahead
from core.serving.connection import Connection
from core.serving.dispatch import LOST, Dispatcher, Outcome
from core.serving.job import Job
from core.serving.jobs import Jobs
from core.serving.journal import Journal
from core.serving.limits import check_limits
from core.serving.messages import Execution, Work
from core.serving.status import OUTCOMES, EngineStatus
from core.serving.tasks import Task, Tasks
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store
from core.system.errors import EngineError
from core.system.paths import results
from core.system.settings import Limits, log_form, runs_ahead, scheduler, workers

log = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
"""Time that a cancelled run has to stop by itself before its worker is restarted."""


class Engine:
    """Runs experiments, each once, and reports their progress. Safe to use from any thread.

    Args:
        store: for results; the workers need access to its folder.
        scheduler: address of a cluster; "" starts one on this machine.
        n_workers: worker processes to start, i.e. runs at a time; they share the cores.
        execute: "module:function" with the signature of `core.experiments.run.run`, imported by the worker.
        device: passed on to the runs.
        grace: seconds that a cancelled run has to stop before its worker is restarted.
        limits: on what users may request.
        log_form: how the workers log, see `core.system.logs`.
        ahead: number of runs that it computes ahead while nobody waits, see `core.serving.ahead`.

    Attributes:
        store, execute, limits: as above; they apply to later requests.
        connection: to the scheduler and its workers.
        ahead: computes what nobody has asked for yet.

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
        ahead: int = 0,
    ) -> None:
        self.store = store or Store(results())
        self.execute = execute
        self.limits = limits
        self._device = device
        self._log_form = log_form
        self._outcomes: Counter[str] = Counter()
        self._since = time.time()
        self._journal = Journal(self.store.root)
        self.connection = Connection(scheduler, n_workers)
        for spec_hash in self._journal.interrupted():
            log.warning("Run %s was interrupted when its server stopped", spec_hash, extra={"run": spec_hash})
        self._tasks = Tasks(self.connection, log_form)
        self._jobs = Jobs(lambda: self.connection.slots, self._cancel, lambda: self._tasks.in_flight)
        self._dispatcher = Dispatcher(self.connection, self._jobs, self.store, self._end, grace)
        self.ahead = Ahead(
            self.connection, self.store, self._execution, lambda: self.somebody_waits, limit=ahead, grace=grace
        )

    @property
    def alive(self) -> bool:
        """Whether the cluster is reachable; if not, a new engine is needed."""
        return self.connection.alive

    def submit(self, spec: ExperimentSpec, person: str = "", *, again: bool = False) -> Job:
        """Request an experiment.

        The job is done immediately if the store has the result, and shared if the same experiment is already queued
        or running. Users take turns: the more runs of a person are in flight, the lower the priority of their next.

        Args:
            spec: any spec; defaults are filled in.
            person: who requests it; requests without a name count as those of one person without a limit.
            again: recompute an existing result, which remains available until it is replaced.

        Raises:
            SpecError: the spec names something unknown.
            EngineError: too many runs are in flight, this one would take too long, or the cluster is unreachable.
        """
        spec = resolve(spec)
        stored = not again and self.store.get(spec.hash) is not None
        with self._jobs.lock:
            known = self._jobs.latest(spec.hash)
            if known is not None and not known.finished:
                known.people.add(person)
                return known
            if known is not None and known.state == "done" and spec.hash in self.store and not again:
                return known
            in_flight = self._jobs.in_flight()
            person_runs = sum(person in other.people for other in in_flight)
            job = Job(spec, person, self._jobs, priority=-person_runs, number=self._jobs.next_number())
            if not stored:
                self._check(job, person, person_runs, len(in_flight))
            self._jobs.add(job)
            if stored:
                self._end(job, Outcome("done"))
                return job
        self.ahead.stop()
        self._journal.begin(spec)
        self._dispatcher.send(job, self._execution(self._dispatcher.topic, again=again, previews=True))
        return job

    def submit_work(self, work: Work, spec: ExperimentSpec, person: str) -> Job:
        """Queue work that leaves nothing in the store; it takes turns with the runs, and a job that is there is shared.

        Args:
            work: what to do.
            spec: a resolved spec that takes as long.
            person: who requests it.

        Raises:
            EngineError: see `submit`.
        """
        with self._jobs.lock:
            known = self._jobs.latest(work.key)
            if known is not None and not known.finished:
                return known
            in_flight = self._jobs.in_flight()
            person_runs = sum(person in other.people for other in in_flight)
            job = Job(spec, person, self._jobs, priority=-person_runs, number=self._jobs.next_number(), work=work)
            self._check(job, person, person_runs, len(in_flight))
            self._jobs.add(job)
        self._dispatcher.send(job, self._execution(self._dispatcher.topic, again=False))
        return job

    def was_interrupted(self, spec_hash: str) -> bool:
        """Whether a run was in flight when its server stopped, and has not been requested since."""
        return spec_hash not in self.store and spec_hash in self._journal.interrupted()

    def job(self, spec_hash: str) -> Job | None:
        """The latest job of a spec; None if there is none, or it has been forgotten."""
        return self._jobs.latest(spec_hash)

    def jobs(self) -> list[Job]:
        """The latest job of each spec, the newest first."""
        return self._jobs.newest_first()

    def run_task(self, key: str, function: str, *arguments: Any) -> Task:
        """Execute a short task on a worker, before queued runs; its return value is discarded.

        Args:
            key: identifies the task: a task that is running or done is shared by all who request it.
            function: "module:function", imported by the worker; it writes its result to shared storage.
            arguments: plain data.

        Raises:
            EngineError: the cluster is unreachable.
        """
        task = self._tasks.run(key, function, *arguments)
        if not task.finished:
            self.ahead.stop()
        return task

    @property
    def somebody_waits(self) -> bool:
        """Whether a run or a task of a person is queued or running."""
        with self._jobs.lock:
            return bool(self._jobs.in_flight()) or self._tasks.in_flight > 0

    def status(self) -> EngineStatus:
        """Current queue, outcomes and workers; queries the scheduler, which takes a few seconds at most."""
        workers = self.connection.workers()
        with self._jobs.lock:
            states = Counter(job.state for job in self._jobs.in_flight())
            return EngineStatus(
                alive=self.alive,
                since=self._since,
                queued=states["queued"],
                running=states["running"],
                slots=self.connection.slots,
                wait=self._jobs.expected_wait(),
                outcomes={name: self._outcomes[name] for name in OUTCOMES},
                workers=workers,
            )

    def warm_up(self) -> None:
        """Let idle workers, also future ones, import what runs need, so that the first run starts fast.

        Returns immediately. A run that arrives meanwhile waits for the rest of the imports, which it needs anyway.
        """
        self.connection.warm_up(self.execute, self._log_form)

    def close(self) -> None:
        """Cancel runs in flight and stop the workers that this engine started."""
        self._journal.close()  # first, so that runs in flight are recorded as interrupted
        self.ahead.close()
        with self._jobs.lock:
            for job in self._jobs.all():
                self._end(job, Outcome("cancelled"))
        self._dispatcher.close()
        self.connection.close()

    def fail_jobs(self) -> None:
        """Mark all runs in flight as failed, as the cluster is unreachable."""
        with self._jobs.lock:
            for job in self._jobs.all():
                self._end(job, Outcome("failed", LOST))
                job.off_worker.set()

    def adopt(self, previous: "Engine") -> None:
        """Take over the jobs of an engine whose cluster is unreachable, so that users see how they ended."""
        self._jobs.adopt(previous._jobs)

    def _execution(self, topic: str, *, again: bool = False, previews: bool = False) -> Execution:
        return Execution(
            execute=self.execute,
            topic=topic,
            root=str(self.store.root.resolve()),
            device=self._device,
            limits=self.limits,
            log_form=self._log_form,
            again=again,
            previews=previews,
        )

    def _check(self, job: Job, person: str, person_runs: int, all_runs: int) -> None:
        """Reject a job that exceeds the limits, and count and log it."""
        expected_seconds = sum(job.expected.values())
        try:
            self.connection.require()
            check_limits(
                self.limits,
                person=person,
                person_runs=person_runs,
                all_runs=all_runs,
                expected_seconds=expected_seconds,
            )
        except EngineError as error:
            self._outcomes["refused"] += 1
            log.info("%s refused: %s", job.title, error, extra=job.log_fields)
            raise

    def _cancel(self, job: Job, person: str | None) -> bool:
        with self._jobs.lock:
            if job.finished:
                return job.state == "cancelled"
            if not job.leave(person):
                return False
            was_queued = job.state == "queued"
            self._end(job, Outcome("cancelled"))
        self._dispatcher.withdraw(job, was_queued=was_queued)
        return True

    def _end(self, job: Job, outcome: Outcome) -> None:
        """Finish a job, once, and record its outcome."""
        with self._jobs.lock:
            if not job.end(outcome.state, outcome.error):
                return
            self._journal.end(job.id)
            if outcome.state != "done" or job.attempts:  # else the result was already stored
                self._outcomes[outcome.state] += 1
                _log_end(job, outcome)
            self._jobs.forget_old()


def _log_end(job: Job, outcome: Outcome) -> None:
    fields = {**job.log_fields, "state": outcome.state, "seconds": round(job.elapsed, 2)}
    how = "ended" if outcome.state == "done" else outcome.state
    after = f"{job.title} {how} after {fields['seconds']:g} s"
    if outcome.state == "failed":
        log.error("%s: %s", after, outcome.error, extra=fields, exc_info=outcome.exc_info)
    else:
        log.info("%s", after, extra=fields)


_engine: Engine | None = None
_engine_lock = threading.Lock()


def current() -> Engine | None:
    """The engine of this process, if it has been started."""
    return _engine


def get_engine() -> Engine:
    """The engine of this process; started at the first call, and restarted if its cluster has died.

    Scheduler, number of workers and limits are read from the environment: see `core.system.settings`.
    """
    global _engine
    with _engine_lock:
        previous = _engine
        if previous is not None and previous.alive:
            return previous
        if previous is not None:
            log.warning("The cluster is unreachable; starting another")
            previous.fail_jobs()
            previous.close()
        address = scheduler()
        _engine = Engine(
            scheduler=address,
            n_workers=workers(),
            limits=Limits.read(),
            log_form=log_form(),
            ahead=0 if address else runs_ahead(),  # other servers' runs on the same workers could not end ours
        )
        if previous is not None:
            _engine.adopt(previous)
        return _engine
