"""How strong each attack is, measured: `python -m core bench attacks`.

Every attack, under every constraint that it can be bound by, at each budget, over seeds that draw both the
images and the attack's own choices. A finished run is kept, so that a measurement can be broken off and taken up.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from core import catalog, paths
from core.events import silent
from core.files import write_text
from core.result import drop
from core.spec import ATTACK_SPECS, ExperimentSpec, parse_spec

SETTING: dict[str, Any] = {
    "data": "fashion-mnist",
    "extractor": "efficientnet-lite0-imagenet",
    "train_size": 500,
    "test_size": 2000,
}
BUDGETS = (0.01, 0.03, 0.10)
SEEDS = (0, 1, 2)
FOLDER = paths.ROOT / "benchmarks"


@dataclass(frozen=True)
class Row:
    """One line of the table; drops are in points of test accuracy, a list holds one number for each seed."""

    attack: str
    constraint: str
    budget: float
    drops: list[float]
    stage2_drops: list[float]
    seconds: list[float]


def specs(attacks: Iterable[str], budgets: Iterable[float], seeds: Iterable[int]) -> list[ExperimentSpec]:
    """Every experiment of the grid that makes sense, cheap budgets first."""
    found = []
    for budget, seed, attack in product(budgets, seeds, attacks):
        for constraint in catalog.constraints_of(attack):
            values = {**SETTING, "attack": attack, "budget": budget, "constraint": constraint, "seed": seed}
            found.append(catalog.resolve(parse_spec(values)))
    return found


def attacks(
    names: Iterable[str] = tuple(ATTACK_SPECS),
    budgets: Iterable[float] = BUDGETS,
    seeds: Iterable[int] = SEEDS,
    *,
    folder: Path = FOLDER,
    device: str = "auto",
    tell: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Run what is missing of the grid; write `attacks.json` after each run, and `attacks.md` at the end.

    Args:
        folder: where both files lie; what attacks.json already holds is not run again.
        tell: given a line on each finished run.
    """
    todo = specs(names, budgets, seeds)
    measured = list(measure(todo, folder / "attacks.json", device=device, tell=tell))
    found = rows(measured)
    write_text(folder / "attacks.md", page(found, measured[0]))
    return found


def measure(
    todo: Sequence[ExperimentSpec], path: Path, *, device: str, tell: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """The numbers of each resolved spec, in order: read from a JSON file, or else run and added to it.

    Args:
        tell: given a line on each.
    """
    from core.run import run

    measured = _read(path)
    for i, spec in enumerate(todo):
        if spec.hash not in measured:
            summary = run(spec, silent, device=device, with_map=False).summary()
            measured[spec.hash] = {key: summary[key] for key in _KEPT}
            write_text(path, json.dumps(measured, indent=1, sort_keys=True) + "\n")
        one = measured[spec.hash]
        tell(
            f"{i + 1}/{len(todo)} {spec.data} {spec.extractor} {spec.attack.name} {spec.constraint} {spec.budget:g} "
            f"seed {spec.seed}: {drop(one):.1f}"
        )
        yield one


_KEPT = ("spec", "device", "clean", "target", "stage2", "poisoned", "seconds")


def rows(measured: Iterable[dict[str, Any]]) -> list[Row]:
    """One row for each attack, constraint and budget, in the order of the catalog."""
    groups: dict[tuple[str, str, float], Row] = {}
    for one in measured:
        spec = one["spec"]
        key = (spec["attack"]["name"], spec["constraint"], spec["budget"])
        row = groups.setdefault(key, Row(*key, [], [], []))
        row.drops.append(drop(one))
        if one["stage2"]:
            row.stage2_drops.append(drop(one, "stage2"))
        row.seconds.append(sum(s for stage, s in one["seconds"].items() if stage in _ATTACK_STAGES))
    names = list(ATTACK_SPECS)
    return sorted(groups.values(), key=lambda row: (row.constraint, row.budget, names.index(row.attack)))


_ATTACK_STAGES = {"target", "stage2", "invert", "pixels"}


def page(found: list[Row], example: dict[str, Any]) -> str:
    """The table as a document."""
    spec = parse_spec(example["spec"])
    lines = [
        "# How strong each attack is",
        "",
        f"`python -m core bench attacks`: {spec.data}, {spec.extractor} at {spec.input_size} px, {spec.train_size} "
        f"training and {spec.test_size} test images, {spec.label_rule} labels, λ = {spec.ridge:g}, on "
        f"{example['device']}. Points of test accuracy lost by the converged head, mean ± standard deviation over "
        "the seeds; each seed draws other images. *Stage 2* is the drop by the poisoned features themselves, before "
        "they become images. Seconds are the attack's own, on a machine that may have done other things besides.",
    ]
    for constraint in dict.fromkeys(row.constraint for row in found):
        lines += ["", f"## Constraint `{constraint}`", ""]
        cells = [
            [
                f"`{row.attack}`",
                f"{100 * row.budget:g} %",
                spread(row.drops),
                spread(row.stage2_drops),
                str(len(row.drops)),
                f"{statistics.mean(row.seconds):.1f}",
            ]
            for row in found
            if row.constraint == constraint
        ]
        lines.append(table(["Attack", "Budget", "Drop", "Stage 2", "Seeds", "Seconds"], cells))
    return "\n".join(lines) + "\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: list[float]) -> str:
    """Mean ± standard deviation, to one decimal; "" of nothing."""
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return found
