"""What extraction costs beside the bare forward loop of the same network, and the memory that it takes.

.venv/bin/python -m benchmarks.extraction
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import report
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.readers import read
from core.extractors.batches import at_once
from core.extractors.build import build
from core.extractors.features import cached
from core.system import device as devices
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
    """Print the bytes that this process grew by: argv[2] images of argv[4] through the extractor argv[3] on argv[5]."""
    count, extractor, path, device = int(sys.argv[2]), sys.argv[3], sys.argv[4], torch.device(sys.argv[5])
    model = build(info(extractor), info(extractor).input_sizes[0], device)
    images = np.load(path, mmap_mode="r")[:count]
    cached(model, images[: at_once(model, images.shape[1:], device)], device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cached(model, images, device)
    print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


def memory_growth(extractor: str, device: str) -> dict[int, int]:
    """Bytes of peak host memory, beyond a batch, of extracting few and many images, each by its own process."""
    memory = {}
    for count in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / "x.npy", read(data_info(DATA), "train")[0][:count])
            command = [sys.executable, "-m", "benchmarks.extraction", "grown", str(count), extractor]
            done = subprocess.run(
                [*command, f"{folder}/x.npy", device],
                env=paths.environment(Path(folder)),
                capture_output=True,
                check=True,
                text=True,
            )
            memory[count] = int(done.stdout)
    return memory


def table(values: Mapping[str, Any]) -> str:
    """A line for each extractor and device."""
    rows = []
    for name, found in values.items():
        bare, whole = found["bare"], found["extraction"]
        mebibytes = (f"{found['memory'][str(count)] / 2**20:.0f} MiB" for count in (FEW, MANY))
        rows.append([name, f"{IMAGES / bare:,.0f}", f"{IMAGES / whole:,.0f}", f"{whole / bare:.3f}", *mebibytes])
    header = ["Extractor", "Bare, images/s", "Extraction, images/s", "Ratio of times", f"Memory, {FEW:,}", f"{MANY:,}"]
    return markdown_table(header, rows)


def main() -> None:
    """Measure; what another device took before stays."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    report.add_device(parser)
    chosen = report.devices(parser, parser.parse_args().device)
    devices.use_all_cores()  # keeps freed memory as well, as runs do
    found: dict[str, Any] = json.loads((report.FOLDER / "extraction.json").read_text())
    for device in chosen:
        values = {}
        where = f"{report.load()} On {report.machine()}."
        for extractor in EXTRACTORS:
            memory = {str(count): taken for count, taken in memory_growth(extractor, device).items()}
            with tempfile.TemporaryDirectory() as home:
                os.environ["POISON_LAB_HOME"] = home
                bare, whole = seconds(extractor, torch.device(device))
            values[f"`{extractor}`, {device}"] = {"bare": bare, "extraction": whole, "memory": memory}
        found[device] = {"where": where, "values": values}
    text = "\n".join(
        [
            table({name: each for device in found.values() for name, each in device["values"].items()}),
            f"\nMedians of {ROUNDS} rounds in turn, in batches as runs have them, float32. Memory is what the process "
            "grew by beyond its first batch.",
            *(f"\n{device}: {each['where']}" for device, each in found.items()),
        ]
    )
    report.write("extraction", text, found)
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["grown"]:
        print_growth()
    else:
        main()
