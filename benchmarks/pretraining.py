"""Images per second of pretraining, beside the bare training step of the same network.

.venv/bin/python -m benchmarks.pretraining [--tiny] [--out FOLDER]
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import report
from core.data.readers import read
from core.data.registry import DATA
from core.extractors import networks
from core.pretraining.methods import METHODS
from core.pretraining.train import Progress, Settings, pretrain
from core.system.tables import markdown_table

NORMALISE = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
STEPS = {"cpu": 3, "cuda": 60}
"""Steps of an epoch, which is what is timed."""
ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """A pretraining: a data set, a method and the images of a step."""

    data: str
    method: str
    batch: int


CASES = (Case("fashion-mnist", "simclr", 256), Case("fashion-mnist", "moco", 256), Case("emoji", "simclr", 128))


def images(data: str, count: int) -> torch.Tensor:
    """Images (count, C, H, W) uint8 of a data set, over again where it has fewer."""
    record = DATA[data]
    x = torch.from_numpy(read(record, "train", record.domains[0] if record.domains else None)[0][:count].copy())
    return x.repeat(-(-count // len(x)), 1, 1, 1)[:count]


def bare_step(case: Case, x: torch.Tensor, device: torch.device) -> Callable[[], None]:
    """A training step on two views that lie ready on the device, by torch alone.

    Args:
        case: what is trained.
        x: (N, C, H, W) uint8; the first batch takes the place of the views.
        device: where to compute.
    """
    settings = Settings(method=case.method)
    width = networks.ARCHS[settings.arch].width
    method = METHODS[case.method](networks.network(settings.arch), width, settings.temperature)
    method = method.to(device).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(method.parameters(), fused=device.type == "cuda" or None)
    first = (x[: case.batch].to(device).float() / 255.0).expand(-1, 3, -1, -1)
    first = first.contiguous(memory_format=torch.channels_last)
    second = first.flip(3).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = method(first, second)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        method.after_step()

    return step


def seconds(case: Case, device: torch.device, steps: int, rounds: int = ROUNDS) -> tuple[list[float], list[float]]:
    """Seconds of so many bare steps, and of an epoch of as many steps of `pretrain`, in turn; a first round warms up.

    Args:
        case: what is trained.
        device: where to compute.
        steps: of an epoch.
        rounds: how often.
    """
    x = images(case.data, steps * case.batch)
    step = bare_step(case, x, device)
    bare: list[float] = []
    whole: list[float] = []
    begun = time.perf_counter()

    def after(progress: Progress) -> None:
        nonlocal begun
        if progress.loss is None:  # within an epoch
            return
        ended = time.perf_counter()
        whole.append(ended - begun)
        for _ in range(steps):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        begun = time.perf_counter()
        bare.append(begun - ended)

    settings = Settings(method=case.method, batch=case.batch, epochs=rounds + 1)
    pretrain(x, settings, normalise=NORMALISE, device=device, report=after)
    return bare[1:], whole[1:]


def main() -> None:
    """Measure on the CPU and, where there is one, on the GPU alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretraining", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a step of few images each, to see that it works")
    parser.add_argument("--out", type=Path, default=report.FOLDER, help="folder of the table and of pretraining.json")
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cases = [Case(case.data, case.method, 8) for case in CASES] if arguments.tiny else CASES
    steps, rounds = (1, 1) if arguments.tiny else (STEPS[device.type], ROUNDS)
    rows, values = [], {}
    for case in cases:
        bare, whole = seconds(case, device, steps, rounds)
        values[f"{case.data} {case.method} {case.batch}"] = {"bare": bare, "pretrain": whole, "steps": steps}
        count = steps * case.batch
        median_bare, median_whole = statistics.median(bare), statistics.median(whole)
        rates = (f"{count / median:,.0f}" for median in (median_bare, median_whole))
        rows.append([f"{case.data}, {case.method}", str(case.batch), *rates, f"{median_bare / median_whole:.2f}"])
    machine = report.machine()
    header = [
        "Images, method",
        "Batch",
        "Bare step, images/s",
        "Pretraining, images/s",
        "Share of the bare step's rate",
    ]
    text = (
        f"{markdown_table(header, rows)}\n\nMedians of {rounds} rounds in turn of {steps} steps, on {device.type}. "
        f"{report.load()} On {machine}."
    )
    report.write("pretraining", text, {"machine": machine, "values": values}, arguments.out)
    print(text)


if __name__ == "__main__":
    main()
