"""A run that was asked for: what state it is in, and how it gets from one to the next."""

import threading
import time
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from distributed import Future

from core.experiments import cost
from core.experiments.summary import CurvePoint
from core.serving.messages import EventData
from core.serving.status import JobStatus, State
from core.spec.experiment import ExperimentSpec

CURVE_POINTS = 1000
"""Most points of a job's live curve; beyond, every other one is dropped."""


@dataclass(frozen=True)
class Position:
    """Where a job stands in the queue.

    Attributes:
        place: k for the k-th.
        wait: seconds until its turn, an estimate; None while there is no worker at all.
    """

    place: int
    wait: float | None


class Owner(Protocol):
    """What a job needs of those who keep it."""

    @property
    def lock(self) -> AbstractContextManager[bool]:
        """Guards the state of all jobs; may be taken again by the thread that holds it."""

    def position(self, job: "Job") -> Position:
        """Where a job that is queued stands; the caller holds the lock."""

    def cancel(self, job: "Job", person: str | None) -> bool:
        """See `Job.cancel`."""


class Job:
    """A run that was asked for; everyone who asks for the same spec holds the same job.

    It is queued, then running, perhaps queued again, and in the end done, failed or cancelled. Its transitions are
    for those who run it, and safe from any thread.

    Args:
        spec: the experiment, with all defaults filled in.
        person: who asks for it first.
        owner: keeps it.
        priority: the higher, the earlier its turn.
        number: of two with the same priority, the lower goes first.

    Attributes:
        id: the hash of the spec, under which the store has the result once the job is done.
        run_id: of this request, unlike that of the same spec at another time.
        people: who asked for it.
        attempts: how often a worker has begun it.
        worker: address of the worker that has begun it last.
        off_worker: set while no worker is at it.
        future: what the scheduler has of it, once it was sent there.
        expected: seconds that each of its stages is expected to take.
    """

    def __init__(self, spec: ExperimentSpec, person: str, owner: Owner, *, priority: int = 0, number: int = 0) -> None:
        self.id = spec.hash
        self.spec = spec
        self.people = {person}
        self.run_id = f"{self.id}-{uuid.uuid4().hex[:8]}"
        self.priority = priority
        self.number = number
        self.attempts = 0
        self.worker = ""
        self.off_worker = threading.Event()
        self.off_worker.set()
        self.future: Future | None = None
        self.expected = cost.estimate(spec)
        self._owner = owner
        self._state: State = "queued"
        self._error: str | None = None
        self._progress = cost.ProgressEstimate(self.expected)
        self._curve: list[CurvePoint] = []
        self._started: float | None = None
        self._ended: float | None = None
        self._over = threading.Event()

    @property
    def state(self) -> State:
        """Where it is between being asked for and its end."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self._over.is_set()

    @property
    def elapsed(self) -> float:
        """Seconds since a worker took it up last, until it ended."""
        return 0.0 if self._started is None else (self._ended or time.time()) - self._started

    @property
    def title(self) -> str:
        """How the log names it; never who asked for it."""
        return f"Run {self.id} ({self.spec.attack.name})"

    @property
    def log_fields(self) -> dict[str, Any]:
        """What a line of the log says of it beside its text; never who asked for it."""
        return {"run": self.id, "attack": self.spec.attack.name}

    def status(self) -> JobStatus:
        """The job at this moment; cheap enough to ask for every second."""
        with self._owner.lock:
            now = time.monotonic()
            position = self._owner.position(self) if self._state == "queued" else None
            fraction = {"done": 1.0, "queued": 0.0}.get(self._state)
            return JobStatus(
                state=self._state,
                place=position.place if position else 0,
                stage=self._progress.stage,
                done=self._progress.done,
                total=self._progress.total,
                fraction=self._progress.fraction(now) if fraction is None else fraction,
                started=self._started,
                elapsed=self.elapsed,
                seconds_left=self._seconds_until_end(position, now),
                curve=list(self._curve),
                error=self._error,
                lacks_workers=position is not None and position.wait is None,
            )

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
        return self._owner.cancel(self, person)

    def seconds_left(self, now: float) -> float:
        """Seconds that the run itself is expected to take from `now`, of the monotonic clock; no wait included."""
        return self._progress.seconds_left(now)

    def leave(self, person: str | None) -> bool:
        """Note that a person no longer wants it, or with None that nobody does; whether nobody is left."""
        with self._owner.lock:
            self.people -= self.people if person is None else {person}
            return not self.people

    def begin(self, worker: str) -> bool:
        """A worker is at it now.

        Args:
            worker: its address.

        Returns:
            Whether the run goes on; False where the job was over in the moment in which it left the queue, so that the
            worker has to be stopped.
        """
        with self._owner.lock:
            self.worker = worker
            self.off_worker.clear()
            if self.finished:
                return False
            self.attempts += 1
            self._state = "running"
            self._started = time.time()
            self._progress = cost.ProgressEstimate(self.expected)
            self._curve = []
            return True

    def advance(self, event: EventData) -> None:
        """The run has made progress; of one that does not run nothing is noted."""
        with self._owner.lock:
            if self._state != "running":
                return
            self._progress.update(event["stage"], event["done"], event["total"], time.monotonic())
            if event["values"]:
                self._curve.append(CurvePoint(event["stage"], event["done"], event["values"]))
                if len(self._curve) > CURVE_POINTS:
                    self._curve = self._curve[::2]

    def requeue(self) -> bool:
        """Its worker is lost, and it waits for another; whether it does, i.e. was not over."""
        with self._owner.lock:
            if self.finished:
                return False
            self._state, self._progress = "queued", cost.ProgressEstimate(self.expected)
            return True

    def end(self, state: State, error: str | None = None) -> bool:
        """Settle it for good.

        Args:
            state: done, failed or cancelled.
            error: what went wrong, for a person to read.

        Returns:
            Whether it was not over before; else nothing changes.
        """
        with self._owner.lock:
            if self.finished:
                return False
            self._state, self._error, self._ended = state, error, time.time()
            self._over.set()
            return True

    def _seconds_until_end(self, position: Position | None, now: float) -> float | None:
        if self._state == "running":
            return self._progress.seconds_left(now)
        if position is None or position.wait is None:
            return None
        return position.wait + sum(self.expected.values())
