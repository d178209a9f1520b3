"""How many images a CPU should take at once: processor time of an image by size of batch, and whether features differ.

.venv/bin/python -m benchmarks.batches
"""

import os
import time
from dataclasses import replace

import torch

from benchmarks import report
from core.extractors.build import Extractor, build
from core.extractors.registry import EXTRACTORS
from core.system.tables import markdown_table

SIZES = (5, 16, 64, 125, 250)
CASES = (
    ("resnet10-small-fashion-mnist", 28, 1_000),
    ("efficientnet-lite0-imagenet", 64, 250),
    ("efficientnet-lite0-imagenet", 224, 64),
    ("resnet18-imagenet", 224, 64),
)
"""Extractor, side in pixels, and images; larger batches than that are left out."""
ROUNDS = 3


def model_of(name: str, side: int) -> Extractor:
    """The extractor; with random weights where its own are not in the project, which take as long."""
    info = EXTRACTORS[name]
    info = replace(info, weights="") if info.library == "torchvision" else info
    return build(info, side, torch.device("cpu"))


@torch.inference_mode()
def measure(model: Extractor, images: int) -> tuple[dict[int, float], float]:
    """Least processor milliseconds of an image by size of batch, in turn; and the largest difference of a feature."""
    x = torch.rand(images, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    sizes = [size for size in SIZES if size <= images]
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    features = {}
    for _ in range(ROUNDS):
        for size in sizes:
            start = time.process_time()
            features[size] = torch.cat([model(part) for part in x.split(size)])
            taken[size].append(1000 * (time.process_time() - start) / images)
    difference = max(float((z - features[sizes[-1]]).abs().max()) for z in features.values())
    return {size: min(values) for size, values in taken.items()}, difference


def main() -> None:
    """Measure all cases."""
    torch.set_num_threads(os.cpu_count() or 1)
    rows, values = [], {}
    for name, side, images in CASES:
        taken, difference = measure(model_of(name, side), images)
        values[f"{name} {side}"] = {"ms": taken, "difference": difference}
        cells = [f"{taken[size]:.3g}" if size in taken else "" for size in SIZES]
        rows.append([f"`{name}`, {side} px", *cells, f"{difference:.1e}" if difference else "none"])
    header = ["Processor ms of an image, in batches of", *map(str, SIZES), "Largest difference of a feature"]
    machine = report.machine()
    text = f"{markdown_table(header, rows)}\n\nThe least of {ROUNDS} rounds in turn. {report.load()} On {machine}."
    report.write("batches", text, {"machine": machine, "values": values})
    print(text)


if __name__ == "__main__":
    main()
