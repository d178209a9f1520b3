"""Status of a job, a worker process and an engine at one point in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.experiments.summary import CurvePoint

State = Literal["queued", "running", "done", "failed", "cancelled"]
OUTCOMES = ("done", "failed", "cancelled", "refused")
"""Outcomes of requests for runs, other than an existing result."""


@dataclass(frozen=True)
class JobStatus:
    """Status of a job.

    Attributes:
        place: k for the k-th in the queue, else 0.
        stage: a key of `core.spec.events.STAGES`, "" before the first event.
        done, total: steps of this stage; `total` is 0 if unknown.
        fraction: completed fraction of the run's duration, in [0, 1].
        started: epoch seconds at which a worker started it; None before that and for stored results.
        elapsed: seconds since then, until it finished.
        seconds_left: estimate, including time in the queue; None once it has finished, and where nobody knows.
        curve: of events with values, oldest first; empty for stored results, which contain the whole curve.
        error: message for the user, if it failed.
        lacks_workers: whether it is queued and the cluster has no workers.
        behind_tasks: whether it is queued and only waits for tasks, such as an audit, that the workers are busy with.
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
    curve: list[CurvePoint]
    error: str | None
    lacks_workers: bool = False
    behind_tasks: bool = False

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state not in {"queued", "running"}


@dataclass(frozen=True)
class WorkerStatus:
    """Status of a worker process.

    Attributes:
        memory: of the process, in bytes.
        gpu_used, gpu_total: used, by any process, and total memory of its GPU, in bytes; None until it has used one.
    """

    memory: int
    gpu_used: int | None = None
    gpu_total: int | None = None


@dataclass(frozen=True)
class EngineStatus:
    """Status of an engine, without names of users.

    Attributes:
        alive: whether runs can start.
        since: epoch seconds at which it was started.
        queued, running: numbers of runs in flight.
        slots: runs that can execute at a time with the current workers.
        wait: estimated seconds that a new run would wait.
        outcomes: numbers of runs that were done, failed, cancelled or refused since the start.
        workers: those that answer the scheduler; empty if the scheduler does not answer.
    """

    alive: bool
    since: float
    queued: int
    running: int
    slots: int
    wait: float
    outcomes: Mapping[str, int]
    workers: tuple[WorkerStatus, ...]


def internal_error(error: BaseException) -> str:
    """Message for the user about an error whose own message is not meant for them."""
    return f"The run stopped on an internal error ({type(error).__name__}); the server's log has the details."
