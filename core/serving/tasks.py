"""Short tasks besides runs, each executed once for all who request it."""

import logging
import threading
import uuid
from typing import Any

from distributed import Future, KilledWorker

from core.serving import worker
from core.serving.connection import Connection
from core.serving.status import internal_error
from core.system.errors import PoisonLabError

log = logging.getLogger(__name__)

REMEMBERED = 200
"""Number of tasks that are remembered."""


class Task:
    """A short task; all who request the same task share it."""

    def __init__(self, future: Future) -> None:
        self._future = future

    @property
    def finished(self) -> bool:
        """Whether it is done or has failed."""
        return bool(self._future.done())

    @property
    def error(self) -> str | None:
        """Message for the user; None while it is unfinished, and if it succeeded."""
        if not self.finished or self._future.status == "finished":
            return None
        error = self._future.exception() if self._future.status == "error" else None
        if isinstance(error, PoisonLabError):
            return str(error)
        if error is None or isinstance(error, KilledWorker):
            return "The worker process died or was lost; ask again."
        log.error("A task failed", exc_info=(type(error), error, self._future.traceback()))
        return internal_error(error)


class Tasks:
    """The tasks of an engine. Safe to use from any thread.

    Args:
        connection: to the workers.
        log_form: of the workers, see `core.system.logs`.
    """

    def __init__(self, connection: Connection, log_form: str) -> None:
        self._connection = connection
        self._log_form = log_form
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def run(self, key: str, function: str, *arguments: Any) -> Task:
        """See `core.serving.engine.Engine.run_task`."""
        with self._lock:
            task = self._tasks.get(key)
            if task is not None and task.error is None:
                return task
            self._connection.require()
            future = self._connection.client.submit(
                *(worker.run_task, function, arguments, self._log_form),
                key=f"task-{uuid.uuid4().hex}",
                priority=1,
                pure=False,
            )
            self._tasks[key] = Task(future)
            for old in list(self._tasks)[:-REMEMBERED]:
                del self._tasks[old]
            return self._tasks[key]

    @property
    def in_flight(self) -> int:
        """How many tasks are unfinished."""
        with self._lock:
            return sum(not task.finished for task in self._tasks.values())
