"""Certificates for the evidence: certified accuracies of the clean data of each pair and seed."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from core.evidence import grid
from core.evidence.measurements import MeasuredRow, Measurements
from core.spec.experiment import ExperimentSpec
from core.system.tables import markdown_table

PARTITIONS = (50, 100, 200)
FLIPS = (1, 2, 3, 5)


def measured(spec: ExperimentSpec, device: str = "auto") -> MeasuredRow:
    """Certified accuracies, in [0, 1], of the clean data of an experiment; they do not depend on its attack."""
    from core.certificates.evaluation import added, flipped
    from core.experiments.run import run
    from core.system import device as devices

    result = run(spec, device=device, with_map=False)
    place, n_classes = devices.choose(device), len(result.classes)
    return {
        "spec": spec.model_dump(mode="json"),
        "plain": result.clean.accuracy,
        "added": [added(result.features, n_classes, spec.ridge, k, place).to_json() for k in PARTITIONS],
        "flipped": flipped(result.features, n_classes, spec.ridge, place).to_json(),
    }


def specs(experiments: Iterable[ExperimentSpec]) -> list[ExperimentSpec]:
    """One experiment for each pair and seed, since every attack has the same clean data; none of the far transfer."""
    clean = {
        (spec.data, spec.extractor, spec.seed): spec
        for spec in experiments
        if spec.attack.name == "label-flip" and (spec.data, spec.extractor) not in grid.FAR
    }
    return list(clean.values())


def text(measurements: Measurements, certified: Sequence[MeasuredRow]) -> str:
    """Certified accuracies, compared with the accuracy of a single head under the strongest attack, as Markdown."""
    budgets = sorted({key.budget for key in measurements.by_key})
    n = certified[0]["spec"]["train_size"]
    noise = certified[0]["flipped"]["noise"]
    pairs = dict.fromkeys((row["spec"]["data"], row["spec"]["extractor"]) for row in certified)
    added_rows, flipped_rows = [], []
    for pair in pairs:
        own = [row for row in certified if (row["spec"]["data"], row["spec"]["extractor"]) == pair]
        name = f"`{pair[0]}` by `{pair[1]}`"
        worst = (_worst(measurements, pair, budget) for budget in budgets)
        plain = _mean(row["plain"] for row in own)
        added_rows.append([name, "one head, worst attack of those above", plain, *worst])
        for i, k in enumerate(PARTITIONS):
            clean = _mean(row["added"][i]["clean"] for row in own)
            certified_accuracies = (
                _mean(_at(row["added"][i]["certified"], round(budget * n)) for row in own) for budget in budgets
            )
            added_rows.append([name, f"{k} heads, certified", clean, *certified_accuracies])
        clean = _mean(row["flipped"]["clean"] for row in own)
        certified_accuracies = (_mean(_at(row["flipped"]["certified"], flips) for row in own) for flips in FLIPS)
        flipped_rows.append([name, clean, *certified_accuracies])
    at = [f"{100 * budget:g} %, {round(budget * n)} points" for budget in budgets]
    return "\n\n".join(
        [
            "Test accuracy in percent, means over seeds. Heads on parts of the data that vote (Deep Partition "
            "Aggregation) keep the certified accuracy whatever points are *added*, with whatever features and labels; "
            "a single head keeps at most what the worst attack found here leaves, features under `none` among them.",
            markdown_table(["Data and extractor", "Who", "No poison", *at], added_rows),
            f"{noise['heads']} heads on randomised labels (each is another one with probability {noise['q']:g}, "
            f"λ = {noise['ridge']:g}) keep the certified accuracy whatever so many *labels* of the {n:,} are flipped:",
            markdown_table(["Data and extractor", "None", *(f"{flips} flipped" for flips in FLIPS)], flipped_rows),
        ]
    )


def _worst(measurements: Measurements, pair: tuple[str, str], budget: float) -> str:
    """The lowest mean accuracy under any attack with this budget."""
    keys = [key for key in measurements.by_key if key[:2] == pair and key.budget == budget]
    accuracies = [measurements.values(key, lambda row: float(row["poisoned"])) for key in keys]
    return f"{100 * min(statistics.mean(row.values()) for row in accuracies if row):.1f}"


def _at(curve: list[float], points: int) -> float:
    return curve[points] if points < len(curve) else 0.0


def _mean(shares: Any) -> str:
    return f"{100 * statistics.mean(shares):.1f}"
