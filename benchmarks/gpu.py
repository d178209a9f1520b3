"""The work whose speed depends on a GPU, each beside its goal.

.venv/bin/python -m benchmarks.gpu [--tiny] [--out FOLDER]

`benchmarks/gpu.sh` runs this, the tests of a GPU and `benchmarks.pretraining`.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks import report
from core.catalog.lookup import extractor_info
from core.data.readers import read
from core.data.registry import DATA
from core.experiments.run import run
from core.extractors.build import build
from core.extractors.features import extract
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.tables import markdown_table

EXTRACTOR = "resnet10-small-fashion-mnist"
HEADER = ["Work on a GPU", "Before, H200", "Goal, H200", "Here"]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        large, strongest, default, matching: two runs of 50,000 training images, one of today's defaults, and the same
            by `ft-matching`, the default when the goals were set.
        images: that are extracted.
        batches: of the bare forward loop, whose best counts.
        rounds: of both.
    """

    large: ExperimentSpec = field(
        default_factory=lambda: parse_spec({"attack": "ft-matching", "train_size": 50_000, "test_size": 10_000})
    )
    strongest: ExperimentSpec = field(
        default_factory=lambda: parse_spec({"attack": "fw-input", "train_size": 50_000, "test_size": 10_000})
    )
    default: ExperimentSpec = field(default_factory=ExperimentSpec)
    matching: ExperimentSpec = field(default_factory=lambda: parse_spec({"attack": "ft-matching"}))
    images: int = 60_000
    batches: tuple[int, ...] = (250, 1_000, 4_000)
    rounds: int = 3


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: of the work.
        before, goal: as text.
        unit: of what is measured: "s", or "" for a share.
    """

    title: str
    before: str
    goal: str
    unit: str


ROWS = {
    "extraction": Row(
        "Extraction, small ResNet-10, 60,000 images in memory to features in memory: share of the best bare loop",
        "0.11",
        "≥ 0.6",
        "",
    ),
    "matching": Row(
        "`ft-matching` in the default's size, the default of before: warm process, features and map of the run before",
        "15 s",
        "≤ 2 s",
        "s",
    ),
    "default": Row("The default run, `fw-input`, likewise", "", "≤ 2 s", "s"),
    "default, no caches": Row("The same with empty caches", "", "", "s"),
    "large": Row(
        "50,000 training images, 1,500 poisons, `ft-matching`, map included, empty caches", "146 s", "≤ 8 s", "s"
    ),
    "strongest": Row("The same by `fw-input`, with features and map of the run before", "", "≤ 30 s", "s"),
}
"""In the order in which they are measured: what takes longest comes last."""


def tiny() -> Sizes:
    """Sizes that show in seconds, on any machine, that everything works."""
    few = {"train_size": 40, "test_size": 20, "budget": 0.1}
    matching = {"name": "ft-matching", "steps": 2, "match_steps": 2, "finish_steps": 1}
    fw = {"name": "fw-input", "rounds": 1, "atoms": 2, "inner_steps": 2, "joint_steps": 2, "cycles": 1}
    spec = parse_spec({"attack": matching, **few})
    return Sizes(
        large=spec,
        strongest=parse_spec({"attack": fw, **few}),
        default=spec,
        matching=spec,
        images=60,
        batches=(10, 20),
        rounds=1,
    )


def timed_run(spec: ExperimentSpec, device: torch.device) -> dict[str, Any]:
    """Seconds of a run with its map, in all and by stage, and its accuracies."""
    start = time.perf_counter()
    result = run(spec, device=device.type)
    total = time.perf_counter() - start
    accuracy = {"clean": result.clean.accuracy, "poisoned": result.poisoned.accuracy}
    return {"value": total, "seconds": dict(result.seconds), "accuracy": accuracy}


def extraction(device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """Images per second from memory to memory, beside the best of the bare forward loops on a batch that lies ready."""
    record = extractor_info(EXTRACTOR)
    model = build(record, record.input_sizes[0], device)
    x = read(DATA["fashion-mnist"], "train")[0][: sizes.images]
    bare: dict[int, list[float]] = {size: [] for size in sizes.batches}
    whole: list[float] = []
    for turn in range(sizes.rounds + 1):
        for size in sizes.batches:
            ready = torch.from_numpy(x[:size].copy()).to(device).float() / 255.0
            seconds = _seconds_of_loop(model, ready, len(x), device)
            if turn:  # the first warms up
                bare[size].append(seconds)
        start = time.perf_counter()
        features = extract(model, x, device)
        seconds = time.perf_counter() - start
        assert len(features) == len(x)
        if turn:
            whole.append(seconds)
    rates = {str(size): len(x) / statistics.median(taken) for size, taken in bare.items()}
    rate = len(x) / statistics.median(whole)
    return {"value": rate / max(rates.values()), "images/s": rate, "bare images/s": rates}


@torch.inference_mode()
def _seconds_of_loop(model: torch.nn.Module, ready: torch.Tensor, images: int, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    for _ in range(0, images, len(ready)):
        model(ready)
    _wait(device)
    return (time.perf_counter() - start) * images / (len(range(0, images, len(ready))) * len(ready))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(name: str, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """Measure a row; runs find the caches of the home folder that is set.

    Args:
        name: a key of `ROWS`.
        device: where to compute.
        sizes: how much.
    """
    if name == "extraction":
        return extraction(device, sizes)
    specs = {"large": sizes.large, "strongest": sizes.strongest, "matching": sizes.matching}
    return timed_run(specs.get(name, sizes.default), device)


def table(values: Mapping[str, Mapping[str, Any]]) -> str:
    """All rows; what was not measured stays empty."""
    rows = []
    for name, row in ROWS.items():
        value = values[name]["value"] if name in values else None
        text = "" if value is None else f"{value:.1f} s" if row.unit else f"{value:.2f}"
        rows.append([row.title, row.before, row.goal, text])
    return markdown_table(HEADER, rows)


def main() -> None:
    """Measure row by row; each is written at once, so that an interrupted run leaves what it has."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, on any device, to see that it works")
    parser.add_argument("--out", type=Path, default=report.FOLDER, help="folder of the table and of gpu.json")
    arguments = parser.parse_args()
    if not (arguments.tiny or torch.cuda.is_available()):
        parser.exit(2, "torch sees no GPU here; --tiny tries everything on the CPU.\n")
    torch.set_num_threads(os.cpu_count() or 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sizes = tiny() if arguments.tiny else Sizes()
    values: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ["POISON_LAB_HOME"] = home
        run(tiny().default.model_copy(update={"seed": 1}), device=device.type)  # loads libraries and kernels
        # The run with empty caches comes first, and makes those that the warm one finds.
        for name in ("extraction", "default, no caches", "default", "matching", "large", "strongest"):
            values[name] = measure(name, device, sizes)
            machine = report.machine()
            said = "Tiny sizes: these figures mean nothing." if arguments.tiny else f"{report.load()} On {machine}."
            text = f"{table(values)}\n\n{said}"
            report.write("gpu", text, {"machine": machine, "values": values}, arguments.out)
            print(f"{name}: {values[name]}", flush=True)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
