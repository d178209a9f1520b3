"""What a worker sends the server while it works on a run: plain data, on one topic of the scheduler."""

from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from core.system.settings import Limits


class EventData(TypedDict):
    """A `core.spec.events.Event` as it travels."""

    stage: str
    done: int
    total: int
    values: dict[str, float]


class Message(TypedDict):
    """A word of a worker about a run.

    Attributes:
        run: the `run_id` of the job.
        kind: it has begun, has made progress, or has left the worker, however it ended.
        worker: address of the worker; with "start".
        event: with "event".
    """

    run: str
    kind: Literal["start", "event", "end"]
    worker: NotRequired[str]
    event: NotRequired[EventData]


@dataclass(frozen=True)
class Execution:
    """How a worker executes runs; what the server sends with each of them.

    Attributes:
        execute: "module:function" with the signature of `core.experiments.run.run`, imported by the worker.
        topic: where messages go.
        root: the folder of the store into which the result is written.
        device: passed on to the run.
        limits: to which store and cache are held once the result is written.
        log_form: how the worker logs, see `core.system.logs`.
    """

    execute: str
    topic: str
    root: str
    device: str
    limits: Limits
    log_form: str
