"""A requested run: its state and the transitions between states."""

import threading
import time
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from distributed import Future

from core.experiments import cost
from core.experiments.progress import ProgressEstimate
from core.experiments.summary import CurvePoint
from core.serving.messages import EventData, Work
from core.serving.status import JobStatus, State
from core.spec.experiment import ExperimentSpec
from core.spec.preview import Preview

CURVE_POINTS = 1000
"""Maximum length of a job's live curve; beyond, every other point is dropped."""


@dataclass(frozen=True)
class Position:
    """Position of a job in the queue.

    Attributes:
        place: k for the k-th.
        wait: estimated seconds until it starts; None if there is no worker.
        behind_tasks: whether no run keeps it waiting, but tasks do, and nobody knows how long they take.
    """

    place: int
    wait: float | None
    behind_tasks: bool = False


class Owner(Protocol):
    """What a job needs of the collection that holds it."""

    @property
    def lock(self) -> AbstractContextManager[bool]:
        """Reentrant lock that guards the state of all jobs."""

    def position(self, job: "Job") -> Position:
        """Position of a queued job; the caller holds the lock."""

    def cancel(self, job: "Job", person: str | None) -> bool:
        """See `Job.cancel`."""


class Job:
    """A requested run; all requests for the same spec share one job.

    A job is queued, then running, possibly queued again, and finally done, failed or cancelled. Transitions are made by
    the engine only, and are thread-safe.

    Args:
        spec: the experiment, with all defaults filled in.
        person: who requests it first.
        owner: the collection that holds it.
        priority: higher priorities run first.
        number: among equal priorities, lower numbers run first.
        work: what to do in place of a run into the store.

    Attributes:
        id: hash of the spec, under which the store has the result once the job is done; the key of `work`.
        run_id: unique id of this job; later jobs of the same spec have another one.
        people: who requested it.
        attempts: how often a worker has started it.
        worker: address of the worker that started it last.
        off_worker: set while no worker executes it.
        future: dask's future, once it has been submitted.
        expected: estimated seconds of each stage.
    """

    def __init__(
        self,
        spec: ExperimentSpec,
        person: str,
        owner: Owner,
        *,
        priority: int = 0,
        number: int = 0,
        work: Work | None = None,
    ) -> None:
        self.id = spec.hash if work is None else work.key
        self.work = work
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
        self._progress = ProgressEstimate(self.expected)
        self._curve: list[CurvePoint] = []
        self._preview: Preview | None = None
        self._started: float | None = None
        self._ended: float | None = None
        self._over = threading.Event()

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self._over.is_set()

    @property
    def preview(self) -> Preview | None:
        """The last preview of a running attack, with the clean points of its map; None before the first."""
        return self._preview

    @property
    def elapsed(self) -> float:
        """Seconds since a worker last started it, until it finished."""
        return 0.0 if self._started is None else (self._ended or time.time()) - self._started

    @property
    def title(self) -> str:
        """Its name in the log; never says who requested it."""
        return f"Run {self.id} ({self.spec.attack.name})"

    @property
    def log_fields(self) -> dict[str, Any]:
        """Structured fields for the log; never say who requested it."""
        return {"run": self.id, "attack": self.spec.attack.name}

    def status(self) -> JobStatus:
        """The current status; cheap enough to be polled every second."""
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
                behind_tasks=position is not None and position.behind_tasks,
            )

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Block until the job is finished, or for `timeout` seconds."""
        self._over.wait(timeout)
        return self.status()

    def cancel(self, person: str | None = None) -> bool:
        """Cancel the job: immediately if it is queued, else within seconds.

        Args:
            person: who no longer wants it; it continues while others want it. None cancels it for everyone.

        Returns:
            Whether the job is cancelled.
        """
        return self._owner.cancel(self, person)

    def seconds_left(self, now: float) -> float:
        """Estimated remaining seconds of the run at `now`, in monotonic seconds, without time in the queue."""
        return self._progress.seconds_left(now)

    def leave(self, person: str | None) -> bool:
        """Remove a person, or with None everybody, from those who want it; returns whether nobody is left."""
        with self._owner.lock:
            self.people -= self.people if person is None else {person}
            return not self.people

    def begin(self, worker: str) -> bool:
        """Note that a worker has started it.

        Args:
            worker: address of the worker.

        Returns:
            Whether the run continues; False if the job finished just as it left the queue, so that the worker must be
            stopped.
        """
        with self._owner.lock:
            self.worker = worker
            self.off_worker.clear()
            if self.finished:
                return False
            self.attempts += 1
            self._state = "running"
            self._started = time.time()
            self._progress = ProgressEstimate(self.expected)
            self._curve = []
            self._preview = None
            return True

    def advance(self, event: EventData) -> None:
        """Record progress of the run; ignored if it is not running."""
        with self._owner.lock:
            if self._state != "running":
                return
            self._progress.update(event["stage"], event["done"], event["total"], time.monotonic())
            if event["values"]:
                self._curve.append(CurvePoint(event["stage"], event["done"], event["values"]))
                if len(self._curve) > CURVE_POINTS:
                    self._curve = self._curve[::2]

    def show(self, preview: Preview) -> None:
        """Keep a preview; ignored if it is not running."""
        with self._owner.lock:
            if self._state != "running":
                return
            if preview.train_xy is None and self._preview is not None:
                clean = self._preview
                preview = replace(preview, train_xy=clean.train_xy, train_y=clean.train_y)
            self._preview = preview

    def requeue(self) -> bool:
        """Queue it again after its worker was lost; returns False if it had already finished."""
        with self._owner.lock:
            if self.finished:
                return False
            self._state, self._progress = "queued", ProgressEstimate(self.expected)
            self._preview = None
            return True

    def end(self, state: State, error: str | None = None) -> bool:
        """Finish it.

        Args:
            state: done, failed or cancelled.
            error: message for the user, if it failed.

        Returns:
            False, without an effect, if it had already finished.
        """
        with self._owner.lock:
            if self.finished:
                return False
            self._state, self._error, self._ended = state, error, time.time()
            self._preview = None
            self._over.set()
            return True

    def _seconds_until_end(self, position: Position | None, now: float) -> float | None:
        if self._state == "running":
            return self._progress.seconds_left(now)
        if position is None or position.wait is None or position.behind_tasks:
            return None
        return position.wait + sum(self.expected.values())
