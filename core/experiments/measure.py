"""Measures experiments, sequentially or in parallel; resumes from a file of earlier measurements."""

import contextlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from core.spec.experiment import ExperimentSpec
from core.system import finite_json
from core.system.files import write_text

MeasureFunction = Callable[[ExperimentSpec, str], dict[str, Any]]


def measure(
    experiments: Sequence[ExperimentSpec],
    path: Path,
    measure_one: MeasureFunction,
    *,
    device: str = "auto",
    processes: int = 1,
    report: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measurements of resolved specs, in order: read from a JSON file, or else measured and added to it.

    Args:
        experiments: the resolved specs.
        path: of the file; written after each experiment, so that interrupted work can be resumed.
        measure_one: measures one spec on a device.
        device: "auto", "cpu" or "cuda".
        processes: number of parallel processes, which share the cores.
        report: receives a line for each finished experiment.
    """
    known = measure_until(experiments, path, measure_one, None, device=device, processes=processes, report=report)
    return [known[spec.hash] for spec in experiments]


def measure_until(
    experiments: Sequence[ExperimentSpec],
    path: Path,
    measure_one: MeasureFunction,
    end: float | None,
    *,
    device: str = "auto",
    processes: int = 1,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """Measurements by the hash of the spec: all that the file holds, and those that were made before the end.

    Args:
        experiments, path, measure_one, device, processes, report: see `measure`.
        end: time of `time.monotonic` from which no experiment's result is waited for; None for no limit.
    """
    known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    missing = [spec for spec in experiments if spec.hash not in known]
    if end is not None and time.monotonic() >= end:
        return known
    with contextlib.closing(_measured(missing, measure_one, device, processes)) as measurements:
        for done, (spec, row) in enumerate(measurements, start=1):
            known[spec.hash] = row
            write_text(path, _as_json(known))
            where = f"{spec.data} {spec.extractor} {spec.attack.name} {spec.constraint} {spec.budget:g}"
            report(f"{done}/{len(missing)} {where} {spec.label_rule} seed {spec.seed}")
            if end is not None and time.monotonic() >= end:
                break
    return known


def _as_json(known: dict[str, dict[str, Any]]) -> str:
    """JSON with one experiment per line, for readable diffs."""
    lines = (
        f"{finite_json.dumps(name)}: {finite_json.dumps(row, sort_keys=True)}" for name, row in sorted(known.items())
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _measured(
    missing: Sequence[ExperimentSpec], measure_one: MeasureFunction, device: str, processes: int
) -> Generator[tuple[ExperimentSpec, dict[str, Any]]]:
    if processes == 1 or len(missing) < 2:
        for spec in missing:
            yield spec, measure_one(spec, device)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_limit_threads, initargs=(threads,)) as pool:
        waiting = {pool.submit(measure_one, spec, device): spec for spec in missing}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _limit_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
