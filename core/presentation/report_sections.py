"""The sections of a report with results: findings, numbers, images, the map and the reachability of the target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.catalog import choices
from core.catalog.lookup import data_info, extractor_info
from core.experiments.plot_data import PlotData
from core.experiments.summary import SCORES, SIGNIFICANCE, RunSummary
from core.heads.scores import Reachability
from core.presentation import captions, figures
from core.presentation.embedding import link, plot_html
from core.system.numbers import chance, counted, digits, fixed, named, percent

MAX_IMAGES = 24
"""Maximum number of poisoned images in the grid: enough to see the attack, few enough to print."""
MAP_HEIGHT = 560
NOTES = {
    "clean": "head trained on clean data",
    "target": "the head that the attack aims for",
    "stage2": "poisoned features, not yet images",
    "poisoned": "head retrained on clean and poisoned data",
}
"""Notes below the tiles of `core.experiments.summary.SCORES`."""


def headline(summary: RunSummary) -> str:
    """The result in one sentence without a full stop."""
    m, lost, spec = summary.n_poison, summary.drop(), summary.spec
    verb = named(m, "costs", "cost")
    loss = f"{fixed(lost)} points of accuracy" if round(lost, 1) > 0 else "no accuracy"
    return f"{m:,} poisoned {_things(summary)} {verb} a classifier of {choices.title(data_info, spec.data)} {loss}"


def findings(summary: RunSummary) -> list[str]:
    """The main findings, a sentence or two each, most important first."""
    sections = (
        _accuracy_finding,
        captions.uneven_caption,
        _stage2_finding,
        _class_finding,
        _count_finding,
        _significance_finding,
    )
    return [finding for section in sections if (finding := section(summary))]


def _accuracy_finding(summary: RunSummary) -> str:
    spec, m = summary.spec, summary.n_poison
    extractor = choices.title(extractor_info, spec.extractor)
    return (
        f"Trained on {summary.n_train:,} clean images, a linear head on the frozen extractor “{extractor}” classifies "
        f"{percent(summary.clean.accuracy)} of {summary.n_test:,} test images correctly. With {m:,} poisoned "
        f"{_things(summary)} beside the clean ones, {digits(100 * spec.budget)} % of their number, it classifies "
        f"{percent(summary.poisoned.accuracy)}."
    )


def _stage2_finding(summary: RunSummary) -> str:
    if summary.stage2 is None or not summary.description.makes_images:
        return ""
    return (
        "As feature vectors, before they become images, the poisoned samples would cost "
        f"{fixed(summary.drop('stage2'))} points; as images they cost {fixed(summary.drop())}."
    )


def _class_finding(summary: RunSummary) -> str:
    losses = {i: loss for i, loss in enumerate(summary.class_drops()) if not math.isnan(loss)}
    worst = max(losses, key=losses.__getitem__)
    if summary.drop() <= 0 or losses[worst] <= 0:
        return ""
    before, after = (score.per_class[worst] for score in (summary.clean, summary.poisoned))
    return f"Hardest hit is {summary.classes[worst]}, from {percent(before)} to {percent(after)}."


def _count_finding(summary: RunSummary) -> str:
    if summary.poisoned.lost is None:
        return ""
    return (
        f"Of {counted(summary.n_test, 'test image')}, {_turned(summary.poisoned.lost, 'right', 'wrong')}, and "
        f"{_turned(summary.poisoned.gained or 0, 'wrong', 'right')}."
    )


def _turned(count: int, before: str, after: str) -> str:
    """How many test images changed sides, e.g. "1 that was right is now wrong"."""
    return f"{count:,} that {named(count, 'was', 'were')} {before} {named(count, 'is', 'are')} now {after}"


def _significance_finding(summary: RunSummary) -> str:
    p = summary.p_value()
    end = "." if p < SIGNIFICANCE else ", so that this run alone proves little. Repeat it, or test more images."
    return (
        f"The drop's standard error is {fixed(summary.paired_error())} points; luck alone would move accuracy by as "
        f"much in {chance(p)} of such tests{end}"
    )


@dataclass(frozen=True)
class Tile:
    """A metric, with a label above and a note below."""

    label: str
    value: str
    note: str


def tiles(summary: RunSummary) -> list[Tile]:
    """The row of metrics; a dash if the attack has no such head."""
    row = []
    for key, (label, _) in SCORES.items():
        score = summary.score(key)
        value = "—" if score is None else percent(score.accuracy)
        row.append(Tile(label, value, "not a part of this attack" if score is None else NOTES[key]))
    return [*row, Tile("Drop", fixed(summary.drop()), "points, clean minus poisoned")]


@dataclass(frozen=True)
class ClassRow:
    """Accuracy of one class without and with the poison, in percent; NaN for one without test images."""

    name: str
    clean: float
    poisoned: float

    @property
    def lost(self) -> float:
        """Drop in points; negative if the class improved."""
        return self.clean - self.poisoned

    @property
    def cells(self) -> list[str]:
        """Clean and poisoned accuracy and the drop as text; a dash for each that is unknown."""
        values = (self.clean, self.poisoned, self.lost)
        return [fixed(value) for value in values]


def classes(summary: RunSummary) -> list[ClassRow]:
    """The drop of each class, in the order of the classes."""
    rows = zip(summary.classes, summary.clean.per_class, summary.poisoned.per_class, strict=True)
    return [ClassRow(name, 100 * clean, 100 * poisoned) for name, clean, poisoned in rows]


@dataclass(frozen=True)
class ShownImage:
    """One poisoned sample of the grid.

    Attributes:
        source: data URI of a PNG of base, poison and difference; of the base only if there are no poisoned images.
        alt: text alternative.
        base, label: class name of the base image, and label of the poisoned one.
        details: gap and shift.
    """

    source: str
    alt: str
    base: str
    label: str
    details: str


def images(plot: PlotData, classes: Sequence[str]) -> list[ShownImage]:
    """At most `MAX_IMAGES` samples, sorted by decreasing shift in feature space."""
    rows = np.argsort(-plot.shift, kind="stable")[:MAX_IMAGES]
    factor = _amplification(plot)
    return [_shown(plot, classes, int(row), factor) for row in rows]


def _shown(plot: PlotData, classes: Sequence[str], row: int, factor: int) -> ShownImage:
    base, label = (classes[int(y[row])] for y in (plot.base_y, plot.poison_y))
    poison = None if plot.poison_x is None else plot.poison_x[row]
    alt = (
        f"Base image of poisoned sample {row}, {base}"
        if poison is None
        else f"Poisoned sample {row}: its base image, {base}; the poisoned image, labelled {label}; their difference"
    )
    gap = "" if plot.gap is None else f"gap {fixed(float(plot.gap[row]), 2)} · "
    png = figures.strip(plot.base_x[row], poison, factor)
    return ShownImage(link(png, "image/png"), alt, base, label, f"{gap}shift {fixed(float(plot.shift[row]), 2)}")


def images_caption(plot: PlotData) -> str:
    """Caption of the grid."""
    if not plot.makes_images:
        return (
            "This attack makes feature vectors, not images: it is the reference that attacks on images are compared "
            "with. Shown are the base images that it started from."
        )
    return captions.difference_caption(_amplification(plot))


def _amplification(plot: PlotData) -> int:
    return 0 if plot.poison_x is None else figures.amplification(plot.base_x, plot.poison_x)


def map_plot(plot: PlotData, classes: Sequence[str]) -> str:
    """The map as HTML; stage 2 is hidden until one clicks on the legend."""
    figure = figures.map_figure(plot, classes, show_stage2=plot.makes_images)
    for name, has_entry in (("stage 2", True), ("distance to stage 2", False)):
        changed = {"visible": "legendonly", "legendgroup": "stage 2", "showlegend": has_entry}
        figure.update_traces(changed, selector={"name": name})
    figure.update_layout(height=MAP_HEIGHT)
    return plot_html("map", figure, "Map of the clean training features with the poisoned samples")


def accuracy_plot(summary: RunSummary) -> str:
    """The bar chart of accuracies as HTML, as high as the plot beside it."""
    figure = figures.accuracy_figure({SCORES[name][0]: share for name, share in summary.accuracies().items()})
    figure.update_layout(height=300).update_xaxes(tickfont={"size": 12})
    return plot_html("accuracy", figure, "Test accuracy of each head")


def per_class_plot(summary: RunSummary) -> str:
    """The drop of each class as HTML."""
    figure = figures.per_class_figure(summary)
    return plot_html("per-class", figure, "Points of accuracy lost per class")


def reach(threshold: Reachability | None) -> dict[str, str] | None:
    """Caption and plot of the reachability of the target; None if the attack has no target."""
    if threshold is None:
        return None
    figure = figures.reach_figure(threshold, height=340)
    return {
        "words": captions.reach_caption(threshold).replace("**", ""),
        "plot": plot_html("reach", figure, "Residual gradient at the target, by budget"),
    }


def _things(summary: RunSummary) -> str:
    return named(summary.n_poison, "image" if summary.description.makes_images else "feature vector")
