"""Runs that nobody has asked for yet, computed while nobody waits: what a person is likely to look at next.

They are jobs of their own, which no limit, queue, list or metric of the engine sees, and end as soon as a person's run
or task arrives.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from core.experiments import cost
from core.serving.connection import Connection
from core.serving.dispatch import Dispatcher, Outcome
from core.serving.job import Job
from core.serving.jobs import Jobs
from core.serving.messages import Execution
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store

log = logging.getLogger(__name__)

WISHES = 4
"""Number of runs that are remembered to be computed; newer wishes replace older ones."""
IDLE_SECONDS = 1.0
"""Time that nobody may have waited before a run begins."""
MAX_SECONDS = 60.0
"""Longest expected duration of a run that is computed ahead."""
PRIORITY = -10_000
"""Below that of every run of a person."""


class Ahead:
    """Computes wishes, one at a time, while nobody waits. Safe to use from any thread.

    Args:
        connection: to the workers.
        store: for results.
        execution: makes what a worker needs, for the topic on which it sends messages.
        is_busy: whether a person waits for anything.
        limit: number of runs that are computed ahead in the life of the engine; 0 computes none.
        grace: seconds that a run has to stop before its worker is restarted.
    """

    def __init__(
        self,
        connection: Connection,
        store: Store,
        execution: Callable[[str], Execution],
        is_busy: Callable[[], bool],
        *,
        limit: int,
        grace: float,
    ) -> None:
        self._connection = connection
        self._store = store
        self._execution = execution
        self._is_busy = is_busy
        self._left = limit
        self._jobs = Jobs(slots=lambda: connection.slots, cancel=self._cancel)
        self._dispatcher = Dispatcher(connection, self._jobs, store, self._end, grace, teaches_cost=False)
        self._wishes: list[ExperimentSpec] = []
        self._failed: set[str] = set()
        self._job: Job | None = None
        self._timer: threading.Timer | None = None

    def wish(self, specs: Sequence[ExperimentSpec]) -> None:
        """Replace what is to be computed ahead, the first one first.

        Args:
            specs: resolved ones; those that are stored, have failed, or take longer than `MAX_SECONDS` are passed over.
        """
        with self._jobs.lock:
            self._wishes = list(specs[:WISHES])
            if self._wishes and self._left > 0 and self._job is None and self._timer is None:
                self._begin_later()

    def stop(self) -> None:
        """End the run that is being computed ahead, if any: somebody waits. Returns at once."""
        with self._jobs.lock:
            job = self._job
        if job is not None:
            job.cancel()

    def computing(self) -> ExperimentSpec | None:
        """What is being computed ahead at the moment."""
        with self._jobs.lock:
            return None if self._job is None else self._job.spec

    def close(self) -> None:
        """Compute nothing any more."""
        with self._jobs.lock:
            self._left = 0
            if self._timer is not None:
                self._timer.cancel()
        self.stop()
        self._dispatcher.close()

    def _begin_later(self) -> None:
        """After a pause, in a thread of its own; the caller holds the lock."""
        self._timer = threading.Timer(IDLE_SECONDS, self._begin)
        self._timer.daemon = True
        self._timer.start()

    def _begin(self) -> None:
        busy = self._is_busy()  # it takes other locks, hence not under this one
        with self._jobs.lock:
            self._timer = None
            if self._left <= 0 or self._job is not None:
                return
            if busy:
                if self._wishes:
                    self._begin_later()
                return
            spec = self._next()
            if spec is None:
                return
            self._left -= 1
            job = self._job = Job(spec, "", self._jobs, priority=PRIORITY, number=self._jobs.next_number())
            self._jobs.add(job)
        log.info("%s is computed ahead", job.title, extra=job.log_fields)
        self._dispatcher.send(job, self._execution(self._dispatcher.topic))
        if self._is_busy():  # somebody came in between
            self.stop()

    def _next(self) -> ExperimentSpec | None:
        while self._wishes:
            spec = self._wishes.pop(0)
            known = spec.hash in self._failed or spec.hash in self._store
            if not known and cost.total(spec) <= MAX_SECONDS:
                return spec
        return None

    def _cancel(self, job: Job, person: str | None) -> bool:
        with self._jobs.lock:
            if job.finished:
                return job.state == "cancelled"
            was_queued = job.state == "queued"
            self._wishes.insert(0, job.spec)
            self._left += 1
            self._end(job, Outcome("cancelled"))  # under the same lock: two who come at once cancel it once
        self._dispatcher.withdraw(job, was_queued=was_queued)
        return True

    def _end(self, job: Job, outcome: Outcome) -> None:
        with self._jobs.lock:
            if not job.end(outcome.state, outcome.error):
                return
            if outcome.state == "failed":
                self._failed.add(job.id)
                log.warning("%s, computed ahead, failed: %s", job.title, outcome.error, extra=job.log_fields)
            self._job = None
            self._jobs.forget_old()
            if self._wishes and self._left > 0 and self._timer is None:
                self._begin_later()
