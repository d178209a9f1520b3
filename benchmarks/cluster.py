"""What a second worker gains: a sweep of the default data by one and by two in turn: `python -m benchmarks.cluster`.

Each sweep begins with empty caches, by workers that have answered a small run before. One worker on one core is what a
machine of a cluster with one core would be: beside it, two workers say how a sweep scales where cores are added. One
worker on two cores is what the app does with `POISON_LAB_WORKERS=1`: beside it, two workers say what the setting gains
on one machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from core.catalog.choices import resolve
from core.experiments import sweep
from core.serving.engine import Engine
from core.serving.job import Job
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store
from core.system.tables import markdown_table

BASE = resolve(ExperimentSpec())
ATTACKS, BUDGETS, SEEDS = ("tgda-feature", "gc-feature"), (0.03, 0.1), (0, 1)
CASES = {"1 worker, 1 core": (1, 1), "1 worker, 2 cores": (1, 2), "2 workers, 2 cores": (2, 2)}
"""Workers, and cores for all of them together."""


def measure(workers: int, cores: int, cells: list[sweep.Cell]) -> dict[str, Any]:
    """Seconds of one sweep, and the number of runs per worker.

    Args:
        workers: number of worker processes.
        cores: number of cores for all workers together.
        cells: of the sweep.
    """
    allowed = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["POISON_LAB_HOME"] = folder
        os.sched_setaffinity(0, sorted(allowed)[:cores])  # the workers inherit it
        try:
            engine = Engine(Store(Path(folder) / "results", shipped=None), n_workers=workers)
        finally:
            os.sched_setaffinity(0, allowed)
        try:
            small = BASE.model_copy(update={"train_size": 20, "test_size": 20})
            finish([engine.submit(small.model_copy(update={"seed": 90 + i})) for i in range(2 * workers)])
            start = time.perf_counter()
            jobs = [engine.submit(spec) for spec in sweep.hashes(cells).values()]
            finish(jobs)
            seconds = time.perf_counter() - start
            shares = [sum(job.worker == worker for job in jobs) for worker in {job.worker for job in jobs}]
            return {"seconds": seconds, "shares": sorted(shares)}
        finally:
            engine.close()


def finish(jobs: list[Job]) -> None:
    """Wait for all."""
    for job in jobs:
        status = job.wait()
        if status.state != "done":
            raise RuntimeError(status.error)


def main() -> None:
    """Measure, and write benchmarks/README.md and cluster.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="sweeps of each case; the table shows medians")
    parser.add_argument("--dry-run", action="store_true", help="print only")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("Two cores are needed.")
    load = report.load()
    cells = sweep.cells(BASE, ATTACKS, BUDGETS, SEEDS)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    for _ in range(arguments.rounds):
        for name, case in CASES.items():
            rounds[name].append(measure(*case, cells))
            print(name, rounds[name][-1], flush=True)
    medians = {name: statistics.median(run["seconds"] for run in runs) for name, runs in rounds.items()}
    last = medians["2 workers, 2 cores"]
    counted = "one round" if arguments.rounds == 1 else f"medians of {arguments.rounds} rounds"
    rows = [[name, f"{seconds:.1f}", f"{seconds / last:.2f}"] for name, seconds in medians.items()]
    text = (
        f"{markdown_table(['', 'Seconds', 'Times as long as 2 workers'], rows)}\n\n"
        f"{len(sweep.hashes(cells))} runs, {counted} in turn. {load} On {report.machine()}."
    )
    print(text)
    if not arguments.dry_run:
        report.write("cluster", text, {"machine": report.machine(), "load": load, "rounds": rounds})


if __name__ == "__main__":
    main()
