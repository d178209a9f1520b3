"""The jobs of an engine: those in flight, in order of execution, and the latest finished ones."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence

from core.serving.job import Job, Position

REMEMBERED = 200
"""Number of finished jobs that the engine remembers."""


class Jobs:
    """All jobs that an engine knows, and the lock that guards them and their states.

    Methods that require the caller to hold the lock say so; the others acquire it themselves.

    Args:
        slots: returns the number of runs that can currently execute at a time.
        cancel: implements `Job.cancel`.
        tasks: returns how many tasks, which go first, are on their way beside the jobs.
    """

    def __init__(
        self,
        slots: Callable[[], int],
        cancel: Callable[[Job, str | None], bool],
        tasks: Callable[[], int] = lambda: 0,
    ) -> None:
        self.lock = threading.RLock()
        self._slots = slots
        self._cancel = cancel
        self._tasks = tasks
        self._numbers = itertools.count()
        self._by_run: dict[str, Job] = {}
        self._latest: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._by_run)

    def next_number(self) -> int:
        """The number of the next job; numbers increase."""
        return next(self._numbers)

    def add(self, job: Job) -> None:
        """Add a job as the latest of its spec."""
        with self.lock:
            self._by_run[job.run_id] = self._latest[job.id] = job

    def of_run(self, run_id: str) -> Job | None:
        """The job with this `run_id`."""
        with self.lock:
            return self._by_run.get(run_id)

    def latest(self, spec_hash: str) -> Job | None:
        """The latest job of a spec."""
        with self.lock:
            return self._latest.get(spec_hash)

    def newest_first(self) -> list[Job]:
        """The latest job of each spec; other work is in no list."""
        with self.lock:
            runs = [job for job in self._latest.values() if job.work is None]
            return sorted(runs, key=lambda job: job.number, reverse=True)

    def all(self) -> list[Job]:
        """All jobs, including those replaced by a later job of the same spec."""
        with self.lock:
            return list(self._by_run.values())

    def in_flight(self) -> list[Job]:
        """Unfinished jobs; the caller holds the lock."""
        return [job for job in self._by_run.values() if not job.finished]

    def queue(self) -> list[Job]:
        """Queued jobs in the order in which the scheduler starts them; the caller holds the lock."""
        waiting = (job for job in self._by_run.values() if job.state == "queued")
        return sorted(waiting, key=lambda job: (-job.priority, job.number))

    def position(self, job: Job) -> Position:
        """Position of a queued job; the caller holds the lock."""
        queue, slots, now = self.queue(), self._slots(), time.monotonic()
        index = queue.index(job)
        if not slots:
            return Position(index + 1, None)
        running = [other for other in self._by_run.values() if other.state == "running"]
        free = slots - len(running)
        behind_tasks = free - self._tasks() <= index < free
        return Position(index + 1, _first_free(running, queue[:index], slots, now), behind_tasks)

    def expected_wait(self) -> float:
        """Estimated seconds that a new job would wait; the caller holds the lock."""
        running = [job for job in self.in_flight() if job.state == "running"]
        return _first_free(running, self.queue(), max(1, self._slots()), time.monotonic())

    def cancel(self, job: Job, person: str | None) -> bool:
        """See `Job.cancel`."""
        return self._cancel(job, person)

    def forget_old(self) -> None:
        """Forget all but the latest finished jobs; the caller holds the lock."""
        over = [job for job in self._by_run.values() if job.finished and job.off_worker.is_set()]
        for old in over[:-REMEMBERED]:
            del self._by_run[old.run_id]
            if self._latest.get(old.id) is old:
                del self._latest[old.id]

    def adopt(self, previous: "Jobs") -> None:
        """Take over the jobs of a previous engine; jobs of this one take precedence."""
        with self.lock:
            self._by_run = {**previous._by_run, **self._by_run}
            self._latest = {**previous._latest, **self._latest}


def _first_free(running: Sequence[Job], waiting: Sequence[Job], slots: int, now: float) -> float:
    """Seconds until a slot is free for one more job, after all that run and wait have been started.

    Args:
        running: jobs that take a slot each, until they end.
        waiting: queued jobs in their order; each takes the slot that is free first.
        slots: number of jobs that execute at a time.
        now: in monotonic seconds.
    """
    free = sorted(job.seconds_left(now) for job in running)
    # Where workers have just left, more may run than there are slots: the longest of them keep the slots.
    free = [0.0] * (slots - len(free)) + free[-slots:]
    for job in waiting:
        heapq.heapreplace(free, free[0] + job.seconds_left(now))
    return free[0]
