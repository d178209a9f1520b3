"""What each stage makes of the machine: beside the fastest product, and the fastest copy, measured here."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from benchmarks.speed.stages import STAGES
from benchmarks.speed.work import Work, count_work
from core.system.tables import markdown_table

SIDE, QUICK_SIDE = 4_096, 1_024
BYTES, QUICK_BYTES = 1 << 30, 1 << 26
"""Copied: more than a cache holds."""
ROUNDS = 5
IDLE = 1 / 3
"""A stage that takes more than three times as long as products and bytes do is bound by neither."""


@dataclass(frozen=True)
class Peak:
    """Operations a second of a large product in float32 and in float64, and bytes a second of a large copy."""

    single: float
    double: float
    copy: float

    def products(self, work: Work) -> float:
        """The seconds that the operations take at their peak."""
        return work.single / self.single + work.double / self.double

    def bound(self, work: Work, seconds: float) -> str:
        """What keeps the stage from being faster."""
        arithmetic, memory = self.products(work), work.bytes / self.copy
        if max(arithmetic, memory) < IDLE * seconds:
            return "neither"
        return "memory" if memory > arithmetic else "arithmetic"


@dataclass(frozen=True)
class DeviceResult:
    """Of one device: its peaks, and each stage's seconds of each round and its work."""

    peak: Peak
    stages: dict[str, tuple[list[float], Work]]


def rows(place: torch.device, *, quick: bool) -> DeviceResult:
    """Every stage at the size of the default run."""
    size = Size(n=300, m=10) if quick else Size()
    scene, plan = case(material(FEW if quick else ALL, place), size)
    stages = {}
    for name, stage in STAGES.items():
        run = stage.prepare(scene, plan)
        work = stage.formula(size) if stage.formula else count_work(run)
        taken, _ = measure.in_turn({name: run}, place)
        stages[name] = (taken[name], work)
    return DeviceResult(peak(place, QUICK_SIDE if quick else SIDE, QUICK_BYTES if quick else BYTES), stages)


def peak(place: torch.device, side: int, size: int) -> Peak:
    """Measure the peaks of a device, each as the fastest of a few rounds.

    Args:
        place: the device.
        side: of square matrices to multiply.
        size: bytes to copy.
    """
    rates = []
    for dtype in (torch.float32, torch.float64):
        square = torch.rand(side, side, dtype=dtype, device=place)
        out = torch.empty_like(square)
        rates.append(2 * side**3 / _fastest(lambda square=square, out=out: torch.mm(square, square, out=out), place))
    source = torch.ones(size, dtype=torch.uint8, device=place)  # pages of zeros may be one page
    target = torch.zeros_like(source)
    return Peak(*rates, 2 * size / _fastest(lambda: target.copy_(source), place))


def _fastest(run: measure.Run, place: torch.device) -> float:
    return min(measure.seconds(run, place) for _ in range(ROUNDS))


def text(by_device: Mapping[str, DeviceResult]) -> str:
    """The peaks, and what each stage reaches of them."""
    cpu, cuda = by_device["cpu"], by_device.get("cuda")
    lines = []
    for name, (taken, work) in cpu.stages.items():
        seconds = statistics.median(taken)
        gpu = cuda.stages.get(name) if cuda else None
        lines.append(
            [
                name,
                measure.format_median(taken),
                f"{work.flops / 1e9:.3g}",
                f"{work.double / work.flops:.0%}",
                f"{work.flops / seconds / 1e9:.3g}",
                f"{cpu.peak.products(work) / seconds:.1%}",
                f"{work.flops / work.bytes:.2g}",
                f"{work.bytes / cpu.peak.copy / seconds:.1%}",
                cpu.peak.bound(work, seconds),
                f"{cuda.peak.products(gpu[1]) / statistics.median(gpu[0]):.1%}" if cuda and gpu else "",
            ]
        )
    header = ["", "Time", "GFLOP", "In float64", "GFLOP/s", "Of the peak", "FLOP a byte", "Of the copy", "Bound by"]
    peaks = [f"{device}: {_peaks(result.peak)}" for device, result in by_device.items()]
    return f"{markdown_table([*header, 'GPU: of the peak'], lines)}\n\nPeaks, {'; '.join(peaks)}."


def _peaks(peak: Peak) -> str:
    single, double = (f"{rate / 1e9:,.0f} GFLOP/s" for rate in (peak.single, peak.double))
    return f"{single} in float32, {double} in float64, {peak.copy / 1e9:.1f} GB/s of a copy"
