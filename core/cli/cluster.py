"""`scheduler` and `worker`: the processes of a cluster, which replace this one."""

from typing import Annotated

import typer


def scheduler(context: typer.Context) -> None:
    """Start the scheduler of a cluster; options are those of `dask scheduler`, such as --host and --port."""
    from core.serving import cluster

    cluster.become_scheduler(context.args)


def worker(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Of the scheduler, as tcp://HOST:PORT.")],
    workers: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Processes, i.e. runs at a time [default: POISON_LAB_WORKERS].")
    ] = None,
) -> None:
    """Start workers of a cluster; further options are those of `dask worker`, such as --name and --local-directory."""
    from core.serving import cluster
    from core.system import settings

    cluster.become_workers(address, workers or settings.workers(), context.args)
