"""Seconds of each stage of the default experiment, with cold and with warm caches: `python -m benchmarks.timing`.

Each run is a process of its own, as a person's first run is, imports and all. Cold: nothing is left of earlier
runs, but the operating system may still hold files in memory. Warm: the same run
again, with all that the first one left behind. In the app: the run with empty caches, as the app sends it to a
worker process that has answered another one before.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from core.catalog.lookup import data_info
from core.serving.engine import Engine
from core.spec.events import STAGES
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import Store
from core.system import paths
from core.system.tables import markdown_table

STATES = ("cold", "warm", "in the app")
COLUMNS = tuple((device, state) for device in ("cpu", "cuda") for state in STATES)
STAGE_TITLES = {**STAGES, "total": "**In all, imports included where there are any**"}

Run = dict[str, Any]


def measure(device: str, home: Path, options: list[str]) -> Run:
    """One run with the caches in `home`, in its own process.

    Args:
        device: "cpu" or "cuda".
        home: folder of the caches.
        options: further options of `core run`.
    """
    out = home / "run"
    command = [sys.executable, "-m", "core", "run", "--quiet", "--device", device, "--out", str(out), *options]
    environment = paths.environment(home)
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=paths.ROOT, env=environment, stdout=subprocess.DEVNULL)
    total = time.perf_counter() - start
    return run_values(json.loads((out / "result.json").read_text()), total)


def measure_in_app(spec: ExperimentSpec, device: str) -> Run:
    """The same run by the engine that the app uses, after a small one; no caches of either are left of others."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"POISON_LAB_HOME": folder}
        engine = Engine(Store(Path(folder) / "results", shipped=None), device=device)
        try:
            small = {"train_size": 2 * len(data_info(spec.data).classes), "test_size": 20, "seed": spec.seed + 1}
            engine.submit(spec.model_copy(update=small)).wait()
            start = time.perf_counter()
            job = engine.submit(spec)
            if job.wait().state != "done":
                raise RuntimeError(job.status().error)
            total = time.perf_counter() - start
            stored = engine.store.get(job.id)
            assert stored is not None
            return run_values(dict(stored.content), total)
        finally:
            engine.close()


def run_values(result: dict[str, Any], total: float) -> Run:
    """Seconds of each stage and in all, and the accuracies, as evidence of work."""
    return {
        "spec_hash": result["spec_hash"],
        "seconds": {**result["seconds"], "total": total},
        "accuracy": {name: result[name] and result[name]["accuracy"] for name in ("clean", "stage2", "poisoned")},
    }


def measure_all(devices: Sequence[str], repeats: int, options: list[str]) -> dict[str, dict[str, list[Run]]]:
    """Runs by device and state."""
    runs: dict[str, dict[str, list[Run]]] = {device: {state: [] for state in STATES} for device in devices}
    for device in devices:
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                for state in STATES[:2]:
                    runs[device][state].append(measure(device, Path(folder), options))
                spec = json.loads((Path(folder) / "run" / "result.json").read_text())["spec"]
            runs[device][STATES[2]].append(measure_in_app(parse_spec(spec), device))
    return runs


def timing_table(runs: dict[str, dict[str, list[Run]]]) -> str:
    """The median seconds of each stage; columns of a device that has no runs say so."""
    stages = [
        stage
        for stage in STAGE_TITLES
        if any(stage in run["seconds"] for device in runs.values() for run in device.get("cold", []))
    ]
    cells = {(device, state): runs[device].get(state, []) for device, state in COLUMNS}
    rows = [[STAGE_TITLES[stage], *(_cell(cells[column], stage) for column in COLUMNS)] for stage in stages]
    return markdown_table(["Seconds", *(f"{device}, {state}" for device, state in COLUMNS)], rows)


def _cell(runs: list[Run], stage: str) -> str:
    if not runs:
        return "not measured"
    seconds = [run["seconds"][stage] for run in runs if stage in run["seconds"]]
    return f"{statistics.median(seconds):.1f}" if seconds else "cached"


def main() -> None:
    """Measure; write benchmarks/README.md and timing.json, where what another device took before stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1, help="runs of each column; the table shows medians")
    report.add_device(parser)
    parser.add_argument("--try", dest="options", nargs=argparse.REMAINDER, help="options of `core run`; only prints")
    arguments = parser.parse_args()
    devices = report.devices(parser, arguments.device)
    counted = "one run" if arguments.repeats == 1 else f"median of {arguments.repeats} runs"
    where = f"{counted} a column, on {report.machine()}. {report.load()}"
    runs = measure_all(devices, arguments.repeats, arguments.options or [])
    found = {device: {"where": where, "runs": runs[device]} for device in devices}
    if arguments.options is None:
        found = {**json.loads((report.FOLDER / "timing.json").read_text()), **found}
    table = timing_table({device: found[device]["runs"] if device in found else {} for device, _ in COLUMNS})
    text = "\n".join([table, *(f"\n{device}: {each['where']}" for device, each in found.items())])
    print(text)
    if arguments.options is None:
        report.write("timing", text, found)


if __name__ == "__main__":
    main()
