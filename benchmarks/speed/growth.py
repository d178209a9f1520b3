"""How the seconds of each stage grow with training points, poison points, features and classes."""

import statistics
from collections.abc import Mapping
from dataclasses import replace

import torch

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from benchmarks.speed.stages import STAGES
from core.system.tables import markdown_table

AXES = {
    "n": (1_000, 2_000, 4_000, 8_000, 16_000, 60_000),
    "m": (15, 60, 240, 960),
    "d": (64, 128, 256, 512, 1024),
    "c": (2, 5, 10, 20, 40),
}
QUICK = {"n": (300, 600, 1_200), "m": (5, 10, 20), "d": (64, 128, 256), "c": (2, 5, 10, 20)}
NAMES = {"n": "Training points", "m": "Poison points", "d": "Features", "c": "Classes"}
MIN_ROUNDS, MAX_ROUNDS = 2, 9
"""Rounds of each size."""
SECONDS = 1.0
"""After which no round begins beyond the least."""

Timings = dict[str, dict[str, dict[int, list[float]]]]
"""Seconds of each round, by axis, stage and size."""


def rows(place: torch.device, *, quick: bool) -> Timings:
    """Each stage at each size that enters it; the other sizes are those of the default run."""
    data, axes = material(FEW if quick else ALL, place), QUICK if quick else AXES
    usual = Size(n=300, m=10) if quick else Size()
    timings: Timings = {}
    for axis, sizes in axes.items():
        stages = {name: stage for name, stage in STAGES.items() if axis in stage.sizes}
        timings[axis] = {name: {} for name in stages}
        for size in sizes:
            scene, plan = case(data, replace(usual, **{axis: size}))
            for name, stage in stages.items():
                run = stage.prepare(scene, plan)
                if size == sizes[0]:
                    run()  # warms up
                timings[axis][name][size] = rounds(run, place)
    return timings


def rounds(run: measure.Run, place: torch.device) -> list[float]:
    """Seconds of each, of more of them where they are short."""
    taken: list[float] = []
    while len(taken) < MIN_ROUNDS or (len(taken) < MAX_ROUNDS and sum(taken) < SECONDS):
        taken.append(measure.seconds(run, place))
    return taken


def text(by_device: Mapping[str, Timings]) -> str:
    """A table for each axis."""
    return "\n\n".join(
        _axis(axis, by_device["cpu"][axis], by_device.get("cuda", {}).get(axis, {})) for axis in by_device["cpu"]
    )


def _axis(axis: str, cpu: dict[str, dict[int, list[float]]], gpu: dict[str, dict[int, list[float]]]) -> str:
    sizes = list(dict.fromkeys(size for taken in cpu.values() for size in taken))
    lines = []
    for name, taken in cpu.items():
        gpu_timings = gpu.get(name, {})
        times = [measure.format_median(taken.get(size, ())) for size in sizes]
        lines.append(
            [name, *times, *_slope(taken), measure.format_median(gpu_timings.get(sizes[-1], ())), *_slope(gpu_timings)]
        )
    header = [f"{NAMES[axis]}: {axis} =", *(f"{size:,}" for size in sizes), "Slope", "r²"]
    return markdown_table([*header, f"GPU: {sizes[-1]:,}", "Slope", "r²"], lines)


def _slope(taken: Mapping[int, list[float]]) -> tuple[str, str]:
    if not taken:
        return "", ""
    slope, r2 = measure.slope(list(taken), [statistics.median(seconds) for seconds in taken.values()])
    return f"{slope:.2f}", f"{r2:.3f}"
