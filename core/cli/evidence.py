"""`compare-extractors`, `compare-settings` and `reproduce`: measurements over many runs."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import DEFAULTS, Device, option
from core.cli.outputs import existing_folder
from core.system import paths
from core.system.errors import SpecError
from core.system.numbers import digits

Seeds = Annotated[list[int] | None, option("seed", "May be repeated; three or more show the spread.")]
TrainSize = Annotated[int, option("train_size")]
TestSize = Annotated[int, option("test_size")]
TRAIN_SIZE, TEST_SIZE = 1000, 2000
"""Fewer training and more test images than a single run: there are many runs with small differences."""


def compare_extractors(
    extractor: Annotated[
        list[str] | None, typer.Option(help="Only this extractor, or pixels; may be repeated.")
    ] = None,
    data: Annotated[list[str] | None, option("data", "Only this; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of extractors.json.")] = None,
    device: Device = "auto",
) -> None:
    """Measure the quality of the features of extractors: those named, else all whose weights are available."""
    from core.evidence import quality
    from core.extractors.registry import EXTRACTORS, present

    path = existing_folder(out, quality.FILE.parent) / quality.FILE.name
    from core.system import device as devices

    devices.use_all_cores()
    names = extractor or [quality.PIXELS, *(name for name, record in EXTRACTORS.items() if present(record))]
    quality.measure_all(names, data or quality.EMBEDDED, devices.choose(device), path, typer.echo)
    typer.echo(str(path))


def compare_settings(
    data: Annotated[list[str] | None, option("data", "May be repeated.")] = None,
    extractor: Annotated[list[str] | None, option("extractor", "May be repeated.")] = None,
    attack: Annotated[str, option("attack")] = DEFAULTS.attack.name,
    budget: Annotated[float, option("budget")] = DEFAULTS.budget,
    constraint: Annotated[str, option("constraint")] = DEFAULTS.constraint,
    train_size: TrainSize = TRAIN_SIZE,
    test_size: TestSize = TEST_SIZE,
    seed: Seeds = None,
    out: Annotated[Path | None, typer.Option(help="Folder of settings.md, .html (the plot) and .json.")] = None,
    device: Device = "auto",
) -> None:
    """Compare fine-tuning with transfer under the same attack; resumes interrupted work."""
    from core.evidence import settings as compare

    folder = existing_folder(out, compare.FOLDER)
    shared = {
        "attack": attack,
        "budget": budget,
        "constraint": constraint,
        "train_size": train_size,
        "test_size": test_size,
    }
    experiments = compare.specs(data or compare.DATA, extractor or compare.EXTRACTORS, seed or compare.SEEDS, shared)
    from core.system.device import use_all_cores

    use_all_cores()
    rows = compare.compare(experiments, folder, device=device, report=typer.echo)
    for gap in compare.gaps(rows):
        typer.echo(compare.verdict(gap))
    typer.echo(str(folder / "settings.md"))


def reproduce(
    seed: Seeds = None,
    budget: Annotated[list[float] | None, option("budget", "Only this; may be repeated.")] = None,
    data: Annotated[list[str] | None, option("data", "Only this; may be repeated.")] = None,
    train_size: TrainSize = TRAIN_SIZE,
    test_size: TestSize = TEST_SIZE,
    processes: Annotated[int, typer.Option(help="Experiments at a time, each on its share of the cores.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no experiment after this time; 0 rewrites the page alone.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results.md and results.json.")] = None,
    device: Device = "auto",
) -> None:
    """Measure every attack in every setting, with and without defences, and test the paper's claims.

    Takes hours; resumes interrupted work.
    """
    from core.evidence import grid
    from core.evidence import reproduce as evidence

    if processes < 1:
        raise SpecError(f"--processes is {processes}; allowed: 1 or more.")
    if minutes is not None and minutes < 0:
        raise SpecError(f"--minutes is {digits(minutes)}; allowed: 0 or more.")
    folder = existing_folder(out, paths.ROOT / "docs")
    sizes = {"train_size": train_size, "test_size": test_size}
    pairs = grid.pairs(data or ())
    experiments = grid.specs(pairs, budget or grid.BUDGETS, seed or grid.SEEDS, sizes)
    from core.system.device import use_all_cores

    use_all_cores()
    evidence.reproduce(experiments, folder, device=device, processes=processes, minutes=minutes, report=typer.echo)
    typer.echo(str(folder / "results.md"))
