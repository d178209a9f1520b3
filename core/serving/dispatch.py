"""Dispatching jobs to workers: submitting, monitoring, stopping and retrying them."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from distributed import Future, KilledWorker

from core.experiments import cost
from core.serving import worker
from core.serving.connection import Connection
from core.serving.job import Job
from core.serving.jobs import Jobs
from core.serving.messages import Execution, Message
from core.serving.status import State, internal_error
from core.spec.preview import Preview
from core.storage.runs import Store
from core.system.errors import Cancelled, PoisonLabError

log = logging.getLogger(__name__)

RETRIES = 2
"""How often a run is retried after its worker died."""
LOST = "The connection to the scheduler was lost; ask for the run again."


@dataclass(frozen=True)
class Outcome:
    """How a run has ended, or that it is to be requeued.

    Attributes:
        error: message for the user.
        exc_info: exception to log in full.
    """

    state: State
    error: str | None = None
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | None = None


class Dispatcher:
    """Has the workers execute jobs.

    Args:
        connection: to the scheduler.
        jobs: the jobs that messages of workers refer to.
        store: to which the workers write results.
        end: finishes a job; called by threads of the client.
        grace: seconds that a cancelled run has to stop by itself before its worker is restarted.
        teaches_cost: whether the seconds of its runs go into the estimates of later ones.

    Attributes:
        topic: on which workers send messages.
    """

    def __init__(
        self,
        connection: Connection,
        jobs: Jobs,
        store: Store,
        end: Callable[[Job, Outcome], None],
        grace: float,
        *,
        teaches_cost: bool = True,
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._store = store
        self._end = end
        self._grace = grace
        self._teaches_cost = teaches_cost
        self.topic = f"poison-lab-{uuid.uuid4().hex}"
        connection.client.subscribe_topic(self.topic, self._on_message)

    def send(self, job: Job, execution: Execution) -> None:
        """Submit a job to the scheduler; it is guaranteed to finish eventually."""
        # Never while holding the lock of the jobs: the client's own thread takes it for every message.
        try:
            task: tuple[Any, ...] = (worker.run, job.spec.to_json(), job.run_id, execution)
            if job.work is not None:
                task = (worker.run_work, (job.work.function, job.work.arguments), job.run_id, execution)
            future = self._connection.client.submit(
                *task,
                key=f"run-{job.run_id}-{uuid.uuid4().hex[:8]}",
                priority=job.priority,
                pure=False,
            )
        except (OSError, RuntimeError, ValueError) as error:
            self._end(job, Outcome("failed", f"The scheduler can't be reached ({error}); ask for the run again."))
            return
        with self._jobs.lock:
            job.future = future
            unwanted = job.finished
        if unwanted:
            future.cancel()
        else:
            future.add_done_callback(lambda future: self._on_done(job, execution, future))

    def withdraw(self, job: Job, *, was_queued: bool) -> None:
        """Withdraw a job that has just been cancelled from the scheduler or its worker; not to be called with the lock.

        Args:
            job: already finished.
            was_queued: whether no worker had started it.
        """
        if not was_queued:
            self._stop_soon(job)
        elif job.future is not None:
            job.future.cancel()

    def close(self) -> None:
        """Stop listening to workers."""
        if self._connection.client.status == "running":  # else the scheduler is unreachable
            self._connection.client.unsubscribe_topic(self.topic)

    def _on_message(self, message: tuple[float, Message]) -> None:
        """Handle a message of a worker; called by the client's own thread, so it must not block."""
        _, body = message
        preview = Preview.from_bytes(body["preview"]) if body["kind"] == "preview" else None
        with self._jobs.lock:
            job = self._jobs.of_run(body["run"])
            if job is None:
                return
            if body["kind"] == "start":
                if job.begin(body["worker"]):
                    log.info("%s started", job.title, extra={**job.log_fields, "attempt": job.attempts})
                else:
                    self._stop_soon(job)
            elif preview is not None:
                job.show(preview)
            elif body["kind"] == "end":
                job.off_worker.set()
            else:
                job.advance(body["event"])

    def _on_done(self, job: Job, execution: Execution, future: Future) -> None:
        """The scheduler is done with a job; called by a thread of the client."""
        job.off_worker.set()
        if job.finished:
            return
        try:
            outcome = self._outcome(job, future)
        except Exception as error:
            log.exception("The outcome of run %s can't be determined", job.id)
            outcome = Outcome("failed", internal_error(error))
        if outcome.state == "queued":
            log.warning("The worker of run %s died; retrying the run", job.id)
            if job.requeue():
                self.send(job, execution)
            return
        self._end(job, outcome)

    def _outcome(self, job: Job, future: Future) -> Outcome:
        if future.status == "finished" and job.work is not None:
            where = self._store.root.parent
            lost = f"The result isn't in {where}; workers and server must share POISON_LAB_HOME."
            return Outcome("done") if job.work.is_done() else Outcome("failed", lost)
        if future.status == "finished":
            stored = self._store.get(job.id)
            if stored is None:
                where = self._store.root
                return Outcome("failed", f"The result isn't in {where}; workers and server must share POISON_LAB_HOME.")
            if self._teaches_cost:
                cost.record(stored.summary)
            return Outcome("done")
        if future.status != "error":
            return Outcome("failed", LOST)
        error: Any = future.exception()
        if isinstance(error, KilledWorker):
            # Runs that were only waiting at the worker that died have not made an attempt.
            if job.attempts <= RETRIES:
                return Outcome("queued")
            return Outcome(
                "failed",
                f"The worker process died {job.attempts} times during this run, most likely for lack of "
                "memory; try fewer training images, a smaller input size or a smaller budget.",
            )
        if isinstance(error, Cancelled):
            return Outcome("cancelled")
        if isinstance(error, PoisonLabError):
            return Outcome("failed", str(error))
        return Outcome("failed", internal_error(error), (type(error), error, future.traceback()))

    def _stop_soon(self, job: Job) -> None:
        threading.Thread(target=self._stop, args=(job,), name=f"stop-{job.id}", daemon=True).start()

    def _stop(self, job: Job) -> None:
        """Ask the worker to stop a run, and restart it if it doesn't."""
        # In a thread, as a worker that is stuck would not answer.
        threading.Thread(target=self._ask_to_stop, args=(job,), daemon=True).start()
        if job.off_worker.wait(self._grace):
            return
        log.warning("Run %s does not stop; restarting its worker", job.id)
        try:
            if job.future is not None:
                job.future.cancel()
            self._connection.client.restart_workers([job.worker], timeout=30, raise_for_error=False)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            log.warning("Worker %s can't be restarted: %s", job.worker, error)
        job.off_worker.set()

    def _ask_to_stop(self, job: Job) -> None:
        try:
            self._connection.client.run(worker.stop_run, job.run_id, workers=[job.worker], on_error="ignore")
        except (OSError, ValueError, RuntimeError) as error:
            log.info("Worker %s can't be asked to stop run %s: %s", job.worker, job.id, error)
