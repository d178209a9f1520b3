"""The memory that a user's many large images take, from their files to their features.

.venv/bin/python -m benchmarks.memory
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import report
from core.catalog.choices import resolve
from core.catalog.lookup import extractor_info
from core.data.folders import TEST_SHARE
from core.experiments import extraction
from core.experiments.watch import RunWatch
from core.extractors import pool
from core.extractors.batches import CPU
from core.extractors.features import extract
from core.spec.events import silent
from core.spec.experiment import parse_spec
from core.spec.sides import MOST_SIDE
from core.system import finite_json, paths
from core.system.tables import markdown_table

EXTRACTOR, INPUT_SIZE = "resnet10-small-fashion-mnist", 28
"""A small one: the activations of a batch of a large one would hide what the images take."""
FEW, MANY = 2_000, 20_000
"""Images between which memory is compared."""
CLASSES = 10
EVERY = 0.005
"""Seconds between two looks at the memory."""


def write_images(folder: Path, count: int) -> None:
    """Write JPEGs of MOST_SIDE pixels, in a folder for each class."""
    rng = np.random.default_rng(0)
    for i in range(count):
        place = folder / f"class {i % CLASSES}"
        place.mkdir(exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8))
        small.resize((MOST_SIDE, MOST_SIDE), Image.Resampling.BILINEAR).save(place / f"{i}.jpg", quality=85)


def anonymous() -> int:
    """Bytes of this process that are no pages of files, which the system can take back at any time."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


@contextmanager
def peak() -> Iterator[list[int]]:
    """The largest `anonymous` memory while the block runs, as the last entry of a list."""
    seen, done = [anonymous()], threading.Event()

    def look() -> None:
        while not done.wait(EVERY):
            seen.append(max(seen[-1], anonymous()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def print_growth(folder: Path) -> None:
    """Print what the peak of memory grew by beyond a first batch, and the seconds of both phases."""
    values = {"data": f"image-folder:{folder}", "extractor": EXTRACTOR, "side": MOST_SIDE}
    count = sum(1 for _ in folder.rglob("*.jpg"))
    test = round(TEST_SHARE * count)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with peak() as first:
        model = pool.extractor(extractor_info(EXTRACTOR), INPUT_SIZE, device)
        extract(model, np.zeros((CPU["features"], 3, MOST_SIDE, MOST_SIDE), np.uint8), device)
    watch = RunWatch(silent)
    with peak() as whole:
        start = time.perf_counter()
        spec = resolve(parse_spec({**values, "train_size": count - test, "test_size": test}))
        resolved = time.perf_counter() - start
        extracted = extraction.extract(extraction.load(spec, device, watch), watch)
    assert len(extracted.train_z) == count - test
    growth = whole[-1] - max(first[-1], whole[0])
    seconds = {"read": resolved + watch.seconds["load"], "extract": watch.seconds["extract"]}
    print(finite_json.dumps({"growth": growth, **seconds}))


def growth(folder: Path) -> list[dict[str, float]]:
    """Results of `print_growth` in new processes: with an empty cache, then with what that has left in it."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "benchmarks.memory", str(folder)]
        environment = paths.environment(Path(home))
        results = [subprocess.run(command, env=environment, capture_output=True, check=True, text=True)]
        for kept in (Path(home) / "cache" / "features").glob("*"):
            kept.unlink()
        results.append(subprocess.run(command, env=environment, capture_output=True, check=True, text=True))
    return [json.loads(result.stdout) for result in results]


def main() -> None:
    """Measure, and write the table."""
    rows, values = [], []
    for count in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), count)
            cold, warm = growth(Path(folder))
        values.append({"images": count, "cold": cold, "warm": warm})
        cells = [f"{run['growth'] / 2**20:.0f} MiB" for run in (cold, warm)]
        seconds = [f"{run['read']:.1f} + {run['extract']:.1f}" for run in (cold, warm)]
        rows.append([f"{count:,}", *cells, *seconds])
        print(*rows[-1], sep=" | ", flush=True)
    header = ["Images", "First", "Again", "First, s: reading + extraction", "Again, s"]
    text = (
        f"{markdown_table(header, rows)}\n\nPeak of anonymous memory beyond that of a first batch of {CPU['features']} "
        f"images, by `{EXTRACTOR}`. {report.load()} On {report.machine()}."
    )
    report.write("memory", text, {"machine": report.machine(), "values": values})


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    if len(sys.argv) > 1:
        print_growth(Path(sys.argv[1]))
    else:
        main()
