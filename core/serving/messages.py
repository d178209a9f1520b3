"""Messages from workers to the server during a run: plain data, on one topic of the scheduler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from core.system.settings import Limits


class EventData(TypedDict):
    """A `core.spec.events.Event` in a message."""

    stage: str
    done: int
    total: int
    values: dict[str, float]


class Message(TypedDict):
    """A message of a worker about a run.

    Attributes:
        run: the `run_id` of the job.
        kind: the run has started, has made progress, shows what it has made so far, or has left the worker, whatever
            the outcome.
        worker: address of the worker, if `kind` is "start".
        event: if `kind` is "event".
        preview: a `core.spec.preview.Preview` as bytes, if `kind` is "preview".
    """

    run: str
    kind: Literal["start", "event", "preview", "end"]
    worker: NotRequired[str]
    event: NotRequired[EventData]
    preview: NotRequired[bytes]


@dataclass(frozen=True)
class Execution:
    """How a worker executes a run; sent by the server with each run.

    Attributes:
        execute: "module:function" with the signature of `core.experiments.run.run`, imported by the worker.
        topic: for messages.
        root: the folder of the store for the result.
        device: passed on to the run.
        limits: enforced on store and cache once the result is written.
        log_form: how the worker logs, see `core.system.logs`.
        again: compute it even where the store has the result by now, as another server may have asked for it, too.
        previews: send previews: a person has asked for the run.
    """

    execute: str
    topic: str
    root: str
    device: str
    limits: Limits
    log_form: str
    again: bool = False
    previews: bool = False


@dataclass(frozen=True)
class Work:
    """What a worker does in place of a run into the store; it queues with the runs, and no list of runs has it.

    Attributes:
        key: unique; no spec has it as its hash.
        function: "module:function", imported by the worker and called with the arguments, an observer, and `device`. It
            writes its result to shared storage.
        arguments: plain data.
        is_done: whether the result is there; called by the server.
    """

    key: str
    function: str
    arguments: tuple[Any, ...]
    is_done: Callable[[], bool]
