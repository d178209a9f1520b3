"""Seconds and quality of a map beside umap-learn's, on the features of the default experiment.

.venv/bin/python -m benchmarks.maps [POINTS...]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from sklearn.metrics import silhouette_score

from benchmarks import report
from core.catalog.lookup import data_info, extractor_info
from core.data.split import draw
from core.experiments import projection
from core.extractors.build import build
from core.extractors.features import Scale, extract
from core.heads.neighbours import neighbours
from core.system import finite_json, paths
from core.system.settings import MapEngine
from core.system.tables import markdown_table

DATA, EXTRACTOR = "fashion-mnist", "resnet10-small-fashion-mnist"
POINTS = (500, 2_000, 10_000, 50_000)
NEAREST = (15, 150, 1_500)
SAMPLE = 1_000
"""Points on which quality is estimated."""
SILHOUETTES = 5_000


def write_features(folder: Path, count: int) -> None:
    """Write features (count, d) and labels of training images to z.npy and y.npy of a folder."""
    record = extractor_info(EXTRACTOR)
    split = draw(data_info(DATA), train_size=count, test_size=100, seed=0)
    cpu = torch.device("cpu")
    raw = torch.from_numpy(extract(build(record, record.input_sizes[0], cpu), split.train_x, cpu))
    np.save(folder / "z.npy", Scale.fit(raw)(raw).numpy())
    np.save(folder / "y.npy", split.train_y)


def quality(z: np.ndarray, y: np.ndarray, xy: np.ndarray) -> dict[str, float]:
    """How much of the features' neighbourhoods and classes a map shows.

    Args:
        z: (n, d) features.
        y: (n,) labels.
        xy: (n, 2) positions.

    Returns:
        For each k of `NEAREST`, the share of the 15 nearest neighbours that are among the k nearest on the map; and the
        silhouette coefficient of the classes.
    """
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(z))[:SAMPLE])
    true, _ = neighbours(torch.from_numpy(z), NEAREST[0], rows)
    shares = {}
    for k in NEAREST:
        if k < len(z):
            shown, _ = neighbours(torch.from_numpy(xy), k, rows)
            shares[str(k)] = float((true[:, :, None] == shown[:, None, :]).any(2).double().mean())
    some = np.random.default_rng(0).permutation(len(z))[:SILHOUETTES]
    return {**shares, "silhouette": float(silhouette_score(xy[some], y[some]))}


def measure_one(folder: Path, count: int) -> None:
    """Print seconds, noise floor and quality of one map, as JSON; the first thing that this process does."""
    z, y = np.load(folder / "z.npy")[:count], np.load(folder / "y.npy")[:count]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    start = time.perf_counter()
    fitted = projection.fit(z, device=device)
    first = time.perf_counter() - start
    print(finite_json.dumps({"seconds": first, "noise": fitted.noise_floor, **quality(z, y, fitted.xy)}))


def measure(folder: Path, count: int, engine: str) -> dict[str, Any]:
    """Measure a map twice in new processes; the second finds whatever the first has compiled."""
    seconds = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **paths.environment(Path(home)),
                "POISON_LAB_MAP": engine,
                "NUMBA_CACHE_DIR": f"{folder}/numba",
            }
            command = [sys.executable, "-m", "benchmarks.maps", "one", str(folder), str(count)]
            done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
            values = json.loads(done.stdout)
            seconds.append(values["seconds"])
    return {**values, "seconds": seconds}


def _row(count: str, engine: str, one: Mapping[str, Any]) -> list[str]:
    shares = [f"{one[str(k)]:.3f}" if str(k) in one else "" for k in NEAREST]
    times = [f"{seconds:.1f}" for seconds in one["seconds"]]
    return [f"{int(count):,}", engine, *times, *shares, f"{one['silhouette']:.3f}", f"{one['noise']:.2f}"]


def main(points: Sequence[int] = POINTS) -> None:
    """Measure each number of points by each engine, in processes of their own; other numbers keep what they had."""
    measured = report.FOLDER / "maps.json"
    values: dict[str, dict[str, Any]] = json.loads(measured.read_text())["values"] if measured.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_features(folder, max(points))
        for count in points:
            for engine in get_args(MapEngine):
                values[f"{count} {engine}"] = measure(folder, count, engine)
    rows = [_row(*name.split(), values[name]) for name in sorted(values, key=lambda name: int(name.split()[0]))]
    nearest = [f"Of 15 neighbours among {k:,}" for k in NEAREST]
    header = ["Points", "Engine", "First, s", "Again, s", *nearest, "Silhouette", "Noise floor"]
    machine = report.machine()
    text = f"{markdown_table(header, rows)}\n\n{report.load()} On {machine}."
    report.write("maps", text, {"machine": machine, "values": values})
    print(text)


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    if sys.argv[1:2] == ["one"]:
        measure_one(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(text) for text in sys.argv[1:]] or POINTS)
