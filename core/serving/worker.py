"""Code that executes in a worker process: runs, tasks and warm-up.

Progress is sent as messages on one topic. Results are not sent; the worker writes them to the store.
"""

import gc
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import get_worker

from core.catalog import plugins
from core.serving.messages import EventData, Execution, Message
from core.spec.events import Event
from core.spec.experiment import parse_spec
from core.spec.preview import Preview
from core.storage.runs import Store
from core.system import allocator, cache, logs, retention
from core.system.errors import Cancelled
from core.system.settings import Limits

log = logging.getLogger(__name__)

HEARTBEAT_METRIC = "poison_lab"
"""Key under which a worker's heartbeat reports the memory of its GPU."""
_MESSAGE_SECONDS = 0.1
PREVIEW_SECONDS = 1.0
"""Least time between two previews of a run."""
PREVIEW_SHARE = 0.05
"""Most of a run's time that may go into its previews."""

_runs_to_stop: set[str] = set()
"""Ids of cancelled runs; looked up at each step, which is cheaper than a message."""


class Reporter:
    """The observer of a run: forwards events at a limited rate, and stops a cancelled run.

    The last event of a stage is always forwarded. Previews are made at most every `PREVIEW_SECONDS`.

    Args:
        send: receives an event as plain data.
        cancelled: returns whether the run should stop.
        show: receives a preview as bytes; None where nobody wants any.
    """

    def __init__(
        self,
        send: Callable[[EventData], None],
        cancelled: Callable[[], bool],
        show: Callable[[bytes], None] | None = None,
    ) -> None:
        self._send = send
        self._cancelled = cancelled
        self._pending: Event | None = None
        self._stage = ""
        self._sent_at = -float("inf")
        self._show = show
        self._show_from = -float("inf")

    def __call__(self, event: Event) -> None:
        """Handle an event.

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
            self._pending = event
        if self._show is not None and event.preview is not None and now >= self._show_from:
            self._preview(event.preview, now)

    def flush(self) -> None:
        """Forward the pending event, if any."""
        if self._pending is not None:
            self._pass_on(self._pending)

    def _preview(self, make: Callable[[], Preview | None], now: float) -> None:
        """Make and send a preview; a run never fails because of one."""
        assert self._show is not None
        try:
            preview = make()
            if preview is not None:
                self._show(preview.to_bytes())
        except Exception:
            log.exception("No previews of this run can be made")
            self._show = None
        seconds = time.monotonic() - now
        self._show_from = now + seconds + max(PREVIEW_SECONDS, seconds / PREVIEW_SHARE)

    def _pass_on(self, event: Event) -> None:
        self._pending = None
        # NumPy's numbers can't be serialised in a message.
        values = {name: float(value) for name, value in event.values.items()}
        self._send({"stage": event.stage, "done": int(event.done), "total": int(event.total), "values": values})


def run(spec_json: str, run_id: str, execution: Execution) -> None:
    """Run an experiment and store its result.

    Args:
        spec_json: the experiment, with all defaults filled in.
        run_id: of the job, for messages about it.
        execution: how to run it, and the store for the result.
    """

    def compute(reporter: Reporter) -> None:
        spec = parse_spec(json.loads(spec_json))
        store = Store(Path(execution.root), shipped=None)
        if not execution.again and store.get(spec.hash) is not None:
            log.info("Run %s is there: another server that shares the store has asked for it, too", spec.hash)
            return
        result = load(execution.execute)(spec, reporter, device=execution.device)
        reporter.flush()
        store.put(result)
        enforce_limits(store, spec.hash, execution.limits)

    _reported(compute, run_id, execution)


def run_work(work: tuple[str, tuple[Any, ...]], run_id: str, execution: Execution) -> None:
    """Do a piece of work that queues with the runs, see `core.serving.messages.Work`.

    Args:
        work: its function and arguments.
        run_id: of the job, for messages about it.
        execution: how to do it.
    """
    function, arguments = work
    _reported(lambda reporter: load(function)(*arguments, reporter, device=execution.device), run_id, execution)


def _reported(compute: Callable[[Reporter], None], run_id: str, execution: Execution) -> None:
    """Compute something, with messages when it starts, makes progress and ends.

    Args:
        compute: gets the observer.
        run_id: of the job.
        execution: how, and on which topic.
    """
    worker = get_worker()
    prepare(worker, execution.log_form)

    def send(message: Message) -> None:
        worker.log_event(execution.topic, message)

    send({"run": run_id, "kind": "start", "worker": worker.address})

    def send_event(event: EventData) -> None:
        send({"run": run_id, "kind": "event", "event": event})

    def send_preview(preview: bytes) -> None:
        send({"run": run_id, "kind": "preview", "preview": preview})

    try:
        compute(
            Reporter(send_event, lambda: run_id in _runs_to_stop, send_preview if execution.previews else None),
        )
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # else they keep the run's tensors alive
        raise
    finally:
        _runs_to_stop.discard(run_id)
        send({"run": run_id, "kind": "end"})
        release_memory()


def stop_run(run_id: str) -> None:
    """Stop a run of this worker at its next step."""
    _runs_to_stop.add(run_id)


def run_task(function: str, arguments: tuple[Any, ...], log_form: str) -> None:
    """Execute a short task; its return value is discarded.

    Args:
        function: "module:function", which writes its result to shared storage.
        arguments: plain data.
        log_form: of the worker, see `core.system.logs`.
    """
    prepare(get_worker(), log_form)
    try:
        load(function)(*arguments)
    finally:
        release_memory()


def warm_up(execute: str, log_form: str) -> None:
    """Import what runs need, and call the function `warm_up` of the module of `execute`, if there is one."""
    prepare(get_worker(), log_form)
    load(execute)
    more = getattr(sys.modules[execute.partition(":")[0]], "warm_up", None)
    if more is not None:
        more()


def prepare(worker: Any, log_form: str) -> None:
    """Set up a worker: logging, what becomes of freed memory, GPU memory in each heartbeat, and plug-ins.

    Args:
        worker: `distributed.Worker`, which has no type hints.
        log_form: see `core.system.logs`.

    Raises:
        PluginError: a plug-in of the environment can't be loaded, or has changed since it was loaded.
    """
    logs.setup(log_form)
    allocator.keep_freed()
    worker.metrics[HEARTBEAT_METRIC] = gpu_memory
    plugins.load_from_environment()


def load(function: str) -> Callable[..., Any]:
    """Import "module:function", and set torch's number of threads if that imports torch."""
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    torch, threads = sys.modules.get("torch"), os.environ.get("OMP_NUM_THREADS", "")
    if torch is not None and threads.isdigit():
        torch.set_num_threads(int(threads))
    return loaded


def gpu_memory(worker: Any) -> dict[str, int]:
    """Memory in bytes of the GPU that this process uses, by the fields of `WorkerStatus`.

    Empty if it has not used a GPU, as a query would allocate memory on it.

    Args:
        worker: passed by dask's heartbeat; unused.
    """
    torch = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_initialized():
            return {}
        free, total = torch.cuda.mem_get_info()
    except (AttributeError, RuntimeError):  # torch is being imported, or the GPU has failed
        return {}
    return {"gpu_used": total - free, "gpu_total": total}


def release_memory() -> None:
    """Release what a run has used to other processes; torch would keep all of a GPU that it ever allocated."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()
    allocator.give_back()


def enforce_limits(store: Store, written: str, limits: Limits) -> None:
    """Enforce the size limits of store and cache; errors are only logged, as the run itself is stored.

    Args:
        store: holds the result.
        written: hash of the result, which is kept.
        limits: of store and cache.
    """
    try:
        store.clean(limits.store_megabytes * retention.MEGABYTE, keep=[written])
        cache.clean(limits.cache_megabytes * retention.MEGABYTE)
    except Exception:
        log.exception("%s can't be cleaned", store.root)
