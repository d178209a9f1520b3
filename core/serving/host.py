"""The process that hosts the local scheduler and workers of an engine.

It is a separate process (`python -m core.serving.host N`): under Streamlit, `multiprocessing` would take the page for
the main module and run it in each worker. The server starts it, and it exits when its standard input is closed, i.e.
however the server ends.
"""

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress

import dask
from distributed import LocalCluster

from core.serving import cluster

_STOP_SECONDS = 10


class Host:
    """The process as seen by the server; started by the constructor.

    Args:
        n_workers: number of worker processes, which share the cores.
    """

    def __init__(self, n_workers: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore:resource_tracker", "-m", "core.serving.host", str(n_workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=cluster.with_project(),
            start_new_session=True,  # Ctrl-C goes to the server, which then stops it cleanly
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def address(self, timeout: float) -> str:
        """Wait for the scheduler and return its address; to be called once.

        Args:
            timeout: seconds after which the process is killed.

        Raises:
            OSError: the process did not start.
        """
        assert self._process.stdout is not None
        late = threading.Timer(timeout, self._process.kill)
        late.start()
        address = self._process.stdout.readline().strip()
        late.cancel()
        if not address:
            raise OSError("its process did not start; see the log above")
        return address

    def stop(self) -> None:
        """Stop scheduler and workers, within seconds."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(n_workers: int) -> None:
    """Run the cluster until standard input is closed; the scheduler's address is the only line of output."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # other output must not fill the pipe
    environment = "distributed.nanny.pre-spawn-environ"  # dask's own variables make workers return freed memory
    dask.config.set(
        {
            **cluster.SETTINGS,
            **cluster.SHORT_LOGS,
            environment: {**dask.config.get(environment), **cluster.threads(n_workers)},
            # After a worker died once, the cluster closes its nanny for good if the worker is down again when this
            # time has passed, and would never start another.
            "distributed.deploy.lost-worker-timeout": "1000 days",
        }
    )
    local = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # None would be port 8787
        silence_logs=logging.CRITICAL,
    )
    print(local.scheduler_address, file=output, flush=True)
    sys.stdin.read()
    # No clean shutdown: the workers exit with this process, and a store never holds a partial result.
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
