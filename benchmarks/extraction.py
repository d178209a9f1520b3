"""What extraction costs beside the bare forward loop of the same network, and the memory that it takes.

.venv/bin/python -m benchmarks.extraction
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import report
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.readers import read
from core.extractors.batches import at_once
from core.extractors.build import build
from core.extractors.features import cached
from core.system import paths
from core.system.tables import markdown_table

DATA = "fashion-mnist"
EXTRACTORS = ("resnet10-small-fashion-mnist", "efficientnet-lite0-imagenet")
IMAGES, ROUNDS = 2_000, 7
FEW, MANY = 2_000, 20_000
"""Images between which memory is compared."""


def seconds(extractor: str, device: torch.device) -> tuple[float, float]:
    """Medians, in turn: of the bare forward loop on one batch that lies ready, and of extraction from file to file.

    Extraction reads 8-bit images from a mapped file, and writes features to the cache; each round into an empty one.
    """
    record = info(extractor)
    model = build(record, record.input_sizes[0], device)
    bare, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", read(data_info(DATA), "train")[0][:IMAGES])
        images = np.load(Path(folder) / "x.npy", mmap_mode="r")
        size = at_once(model, images.shape[1:], device)
        ready = torch.from_numpy(np.array(images[:size])).to(device).float() / 255.0
        for turn in range(ROUNDS + 1):
            start = time.perf_counter()
            with torch.inference_mode():
                for _ in range(0, IMAGES, len(ready)):
                    model(ready)
            if device.type == "cuda":
                torch.cuda.synchronize()
            middle = time.perf_counter()
            _, was_cached = cached(model, images, device, name=f"{extractor}-{turn}")
            end = time.perf_counter()
            assert not was_cached
            if turn:  # the first warms up
                passed = len(range(0, IMAGES, len(ready))) * len(ready)
                bare.append((middle - start) * IMAGES / passed)
                whole.append(end - middle)
    return statistics.median(bare), statistics.median(whole)


def print_growth() -> None:
    """Print how many bytes this process grew by while it extracted argv[2] images with argv[3], read from argv[4]."""
    count, extractor, path = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build(info(extractor), info(extractor).input_sizes[0], device)
    images = np.load(path, mmap_mode="r")[:count]
    cached(model, images[: at_once(model, images.shape[1:], device)], device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cached(model, images, device)
    print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


def memory_growth(extractor: str) -> dict[int, int]:
    """Bytes of peak memory, beyond those of one batch, of extracting few and many images, in processes of their own."""
    memory = {}
    for count in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / "x.npy", read(data_info(DATA), "train")[0][:count])
            command = [sys.executable, "-m", "benchmarks.extraction", "grown", str(count), extractor]
            done = subprocess.run(
                [*command, f"{folder}/x.npy"],
                env=paths.environment(Path(folder)),
                capture_output=True,
                check=True,
                text=True,
            )
            memory[count] = int(done.stdout)
    return memory


def main() -> None:
    """Measure on the CPU and, where there is one, on the GPU."""
    torch.set_num_threads(os.cpu_count() or 1)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    values: dict[str, dict[str, object]] = {}
    rows = []
    for extractor in EXTRACTORS:
        memory = memory_growth(extractor)
        for device in devices:
            with tempfile.TemporaryDirectory() as home:
                os.environ["POISON_LAB_HOME"] = home
                bare, whole = seconds(extractor, torch.device(device))
            values[f"{extractor} {device}"] = {"bare": bare, "extraction": whole, "memory": memory}
            mebibytes = (f"{memory[count] / 2**20:.0f} MiB" for count in (FEW, MANY))
            ratio = f"{whole / bare:.3f}"
            rows.append(
                [f"`{extractor}`, {device}", f"{IMAGES / bare:,.0f}", f"{IMAGES / whole:,.0f}", ratio, *mebibytes]
            )
    header = ["Extractor", "Bare, images/s", "Extraction, images/s", "Ratio of times", f"Memory, {FEW:,}", f"{MANY:,}"]
    machine = report.machine()
    text = (
        f"{markdown_table(header, rows)}\n\nMedians of {ROUNDS} rounds in turn, in batches as runs have them, float32. "
        f"Memory is what the process grew by beyond its first batch. {report.load()} On {machine}."
    )
    report.write("extraction", text, {"machine": machine, "values": values})
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["grown"]:
        print_growth()
    else:
        main()
