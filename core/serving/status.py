"""What an engine tells of itself at one moment: a job, a worker process, and everything together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.experiments.summary import CurvePoint

State = Literal["queued", "running", "done", "failed", "cancelled"]
OUTCOMES = ("done", "failed", "cancelled", "refused")
"""How a request for a run may end, other than by a result that was there already."""


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
        curve: of events that carried values, oldest first; empty for stored results, whose whole curve is in the
            result.
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
    curve: list[CurvePoint]
    error: str | None
    lacks_workers: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in {"queued", "running"}


@dataclass(frozen=True)
class WorkerStatus:
    """A worker process at one moment.

    Attributes:
        memory: its bytes.
        gpu_used, gpu_total: bytes of its GPU that are taken, by whomever, and all; None until it has used one.
    """

    memory: int
    gpu_used: int | None = None
    gpu_total: int | None = None


@dataclass(frozen=True)
class EngineStatus:
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
    workers: tuple[WorkerStatus, ...]


def internal_error(error: BaseException) -> str:
    """What a person reads of an error whose own message is not meant for them."""
    return f"The run stopped on an internal error ({type(error).__name__}); the server's log has the details."
