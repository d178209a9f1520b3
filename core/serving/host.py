"""The process that holds the scheduler and the workers of one engine on this machine.

It is a process of its own (`python -m core.serving.host N`): under Streamlit, `multiprocessing` would take the page for
the main module and run it again in each worker. The server starts it, and it ends when its standard input does, i.e.
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
    """The process as the server sees it; started at once.

    Args:
        n_workers: worker processes, which share the cores.
    """

    def __init__(self, n_workers: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore:resource_tracker", "-m", "core.serving.host", str(n_workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=cluster.with_project(),
            start_new_session=True,  # Ctrl-C is for the server, which then ends it in order
        )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it goes on."""
        return self._process.poll() is None

    def address(self, timeout: float) -> str:
        """Wait for the scheduler, and give its address; to be asked for once.

        Args:
            timeout: seconds after which the process is ended.

        Raises:
            OSError: it did not start.
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
        """End scheduler and workers, within seconds."""
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
    """Be the cluster of one engine until standard input ends; the address is the only line of output."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not fill the pipe
    environment = "distributed.nanny.pre-spawn-environ"  # dask's own keeps freed memory from staying with a worker
    dask.config.set(
        {
            **cluster.SETTINGS,
            **cluster.SHORT_LOGS,
            environment: {**dask.config.get(environment), **cluster.threads(n_workers)},
            # The cluster closes a nanny for good whose worker is down this long after it died once, be it down only
            # again: nobody would start another.
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
    # No farewell: the workers end with this process, at once, and a store never holds half a result.
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
