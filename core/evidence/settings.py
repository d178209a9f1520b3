"""Fine-tuning against transfer, measured: `python -m core compare-settings`.

The paper claims that a head on an extractor pretrained on other data (transfer) loses more to the same attack than one
on an extractor pretrained on the same data (fine-tuning). Here every data set is combined with every extractor, over
seeds that determine both the images and the attack's random choices. Within a data set the same seed means the same
images for every extractor, so that differences are paired.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.catalog import choices
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.registry import DATA as REGISTERED
from core.experiments.measure import measure
from core.experiments.sweep import interval
from core.extractors.registry import EXTRACTORS as REGISTRY
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import paths
from core.system.files import write_text
from core.system.numbers import fixed
from core.system.tables import markdown_table, mean_and_deviation

DATA = ("fashion-mnist", "mnist")
EXTRACTORS = ("resnet10-small-fashion-mnist", "resnet10-small-mnist", "efficientnet-lite0-imagenet")
SEEDS = (0, 1, 2)
FOLDER = paths.ROOT / "benchmarks"
WHISKERS = "#555e6b"
"""Readable on the bars, and on light and dark backgrounds."""
COLOURS = {"fine-tuning": "#3f90da", "domain-adaptation": "#92dadd", "transfer": "#e76300", "random": "#94a4a2"}


@dataclass(frozen=True)
class Row:
    """One extractor on one data set; accuracies and drops in points, one per seed."""

    data: str
    extractor: str
    setting: str
    clean: list[float] = field(default_factory=list)
    drops: list[float] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    stage2_drops: list[float] = field(default_factory=list)


def specs(
    data: Iterable[str], extractors: Iterable[str], seeds: Iterable[int], shared: dict[str, Any]
) -> list[ExperimentSpec]:
    """All experiments of the comparison.

    Args:
        data: names of data sets.
        extractors: names of extractors.
        seeds: of the runs.
        shared: common fields of `ExperimentSpec`, such as attack and budget.

    Raises:
        SpecError: invalid names or values.
    """
    return [
        choices.resolve(parse_spec({**shared, "data": name, "extractor": extractor, "seed": seed}))
        for name, seed, extractor in product(data, seeds, extractors)
    ]


def compare(
    experiments: Sequence[ExperimentSpec],
    folder: Path,
    *,
    device: str = "auto",
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Run missing experiments; write `settings.json` after each, `settings.md` and `settings.html` at the end.

    Args:
        experiments: the experiments, from `specs`.
        folder: for the files.
        device: "auto", "cpu" or "cuda".
        report: receives a line for each finished run.
    """
    runs = measure(experiments, folder / "settings.json", measured, device=device, report=report)
    groups = rows(runs)
    write_text(folder / "settings.md", page(groups, runs[0]))
    write_text(folder / "settings.html", figure(groups).to_html(include_plotlyjs=True))
    return groups


def measured(spec: ExperimentSpec, device: str) -> dict[str, Any]:
    """Run one experiment; returns the part of its summary that is compared."""
    from core.experiments.run import run

    summary = run(spec, silent, device=device, with_map=False).summary().to_json()
    return {key: summary[key] for key in ("spec", "device", "clean", "target", "stage2", "poisoned", "seconds")}


def rows(runs: Iterable[dict[str, Any]]) -> list[Row]:
    """One row per data set and extractor, fine-tuning first."""
    groups: dict[tuple[str, str], Row] = {}
    for run in runs:
        spec = parse_spec(run["spec"])
        key = (spec.data, spec.extractor)
        row = groups.setdefault(key, Row(*key, choices.setting(*key, spec.train_domain, spec.test_domain)))
        row.clean.append(100 * run["clean"]["accuracy"])
        row.drops.append(_drop(run))
        row.seeds.append(spec.seed)
        if run["stage2"]:
            row.stage2_drops.append(_drop(run, "stage2"))
    order = {name: place for place, name in enumerate([*REGISTERED, *choices.SETTINGS, *REGISTRY])}
    last = len(order)
    return sorted(
        groups.values(),
        key=lambda row: [order.get(name, last) for name in (row.data, row.setting, row.extractor)],
    )


def _drop(run: dict[str, Any], name: str = "poisoned") -> float:
    """Drop of test accuracy from the clean head to another head of a run, in points."""
    return float(100 * (run["clean"]["accuracy"] - run[name]["accuracy"]))


@dataclass(frozen=True)
class Gap:
    """Additional drop of transfer over fine-tuning on one data set, in points, one per seed."""

    data: str
    transfer: str
    points: list[float]

    @property
    def error(self) -> float:
        """Standard error of the mean over seeds; 0 for a single seed."""
        return statistics.stdev(self.points) / len(self.points) ** 0.5 if len(self.points) > 1 else 0.0


def gaps(rows: Iterable[Row]) -> list[Gap]:
    """Each transfer compared with fine-tuning on the same data, seed by seed."""
    rows = list(rows)
    return [
        Gap(row.data, row.extractor, points)
        for base in rows
        if base.setting == "fine-tuning"
        for row in rows
        if row.setting == "transfer" and row.data == base.data and (points := _paired(row, base))
    ]


def _paired(row: Row, base: Row) -> list[float]:
    """Differences of the drops at common seeds."""
    known = dict(zip(base.seeds, base.drops, strict=True))
    return [drop - known[seed] for seed, drop in zip(row.seeds, row.drops, strict=True) if seed in known]


def page(rows: Sequence[Row], example: dict[str, Any]) -> str:
    """The comparison as a document."""
    spec = parse_spec(example["spec"])
    lines = [
        "# Fine-tuning against transfer",
        "",
        f"`python -m core compare-settings`: {spec.attack.name} under the constraint {spec.constraint} with "
        f"{100 * spec.budget:g} % poison and {spec.label_rule} labels, {spec.train_size} training and {spec.test_size} "
        f"test images, λ = {spec.ridge:g}, on {example['device']}. Points of test accuracy, mean ± standard deviation "
        f"over {len(rows[0].drops)} seeds; each seed draws other images, the same for every extractor. *Stage 2* is "
        "the drop by the poisoned features themselves, before they become images.",
        "",
        markdown_table(
            ["Data", "Extractor", "Setting", "Clean", "Drop", "Stage 2"],
            [
                [
                    f"`{row.data}`",
                    f"`{row.extractor}`",
                    choices.SETTINGS[row.setting][0],
                    mean_and_deviation(row.clean),
                    mean_and_deviation(row.drops),
                    mean_and_deviation(row.stage2_drops),
                ]
                for row in rows
            ],
        ),
        "",
        "The paper's claim is that transfer loses more. Points that it lost more than fine-tuning here, paired by "
        "seed, mean ± standard error:",
        "",
        *(f"- {verdict(gap)}" for gap in gaps(rows)),
    ]
    return "\n".join(lines) + "\n"


def verdict(gap: Gap) -> str:
    """The verdict on a gap: agreement, disagreement, or too close to tell."""
    pooled = interval(gap.points)
    mean = statistics.mean(gap.points)
    # Of three seeds, a mean within 4.3 standard errors of 0 is no difference at the 5 % level.
    if pooled is None or pooled.seeds < 2 or pooled.low < 0 < pooled.high:
        agreement = "too close to tell"
    else:
        agreement = "as the paper says" if mean > 0 else "against the paper"
    difference = f"{fixed(mean, sign=True)} ± {fixed(gap.error)} points"
    return f"`{gap.data}`, transfer from `{gap.transfer}`: {difference}, {agreement}."


def figure(rows: Sequence[Row]) -> go.Figure:
    """Drops by data set and extractor, coloured by setting; whiskers are standard deviations over seeds."""
    data = list(dict.fromkeys(row.data for row in rows))
    titles = [data_info(name).title for name in data]
    chart = make_subplots(len(data), shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.12)
    for setting in dict.fromkeys(row.setting for row in rows):
        for place, name in enumerate(data, start=1):
            group = [row for row in rows if (row.setting, row.data) == (setting, name)]
            chart.add_bar(
                y=[wrapped(info(row.extractor).title) for row in group],
                x=[statistics.mean(row.drops) for row in group],
                orientation="h",
                error_x={
                    "array": [statistics.stdev(row.drops) if len(row.drops) > 1 else 0.0 for row in group],
                    "color": WHISKERS,
                    "thickness": 2,
                },
                name=choices.SETTINGS[setting][0],
                legendgroup=setting,
                showlegend=place == 1,
                marker={"color": COLOURS.get(setting, "#b8b8b8")},
                hovertemplate="%{x:.1f} points<extra>%{fullData.name}</extra>",
                row=place,
                col=1,
            )
    chart.update_layout(
        height=120 + 55 * len(rows),
        margin={"l": 0, "r": 0, "t": 60, "b": 0},
        legend={"orientation": "h", "y": 1.1, "yanchor": "bottom"},
    )
    chart.update_xaxes(rangemode="tozero")
    chart.update_xaxes(title="Points of accuracy lost", row=len(data), col=1)
    chart.update_yaxes(autorange="reversed", automargin=True)
    return chart


def wrapped(title: str) -> str:
    """A title on two lines, for the narrow axis of a plot."""
    return title.replace(", ", ",<br>", 1)
