"""A finished run in numbers for a lay audience. Free of torch; nothing is trained here."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from core.experiments.plot_data import PlotData
from core.experiments.summary import SIGNIFICANCE, RunSummary
from core.system.arrays import Array

NEIGHBOURS = 5
"""Number of clean neighbours on the map that determine among which class a poisoned sample lies."""


NAME_SIZE = np.array([0.2, 0.07])
"""Width and height of a class name, as fractions of the map on a phone."""


@dataclass(frozen=True)
class ClassChange:
    """Correct test images of one class per 100, without and with poison."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Story:
    """The numbers of a run in a presentation.

    Attributes:
        n_train, n_poison, n_test: numbers of clean training images, poisoned samples and test images.
        wrong_before, wrong_after: test images misclassified without and with the poison.
        one_in: one in so many test images changed on balance; None if the number of errors is unchanged.
        per_hundred: additional errors per 100 test images; negative if accuracy improved.
        margin: standard error of `per_hundred`.
        is_sure: whether the drop is significant at the 5 % level.
        hardest_hit: classes that lost accuracy, largest loss first.
        ideal_per_hundred: `per_hundred` for poisoned features before they become images; None without that stage.
        makes_images: whether the attack made images.
        pixels_changed: whether any pixel differs from the base images; False without images.
        relabelled: poisoned samples whose label differs from the base point's; None without a map.
    """

    n_train: int
    n_poison: int
    n_test: int
    wrong_before: int
    wrong_after: int
    one_in: int | None
    per_hundred: float
    margin: float
    is_sure: bool
    hardest_hit: list[ClassChange]
    ideal_per_hundred: float | None
    makes_images: bool
    pixels_changed: bool
    relabelled: int | None

    @property
    def more_wrong(self) -> int:
        """Additional misclassified test images; negative if there are fewer."""
        return self.wrong_after - self.wrong_before

    @property
    def worst(self) -> ClassChange | None:
        """The class with the largest loss; None if no class lost accuracy."""
        return self.hardest_hit[0] if self.hardest_hit else None


def story_of(summary: RunSummary, plot: PlotData | None) -> Story:
    """The numbers of a finished run.

    Args:
        summary: of the run.
        plot: its arrays; None if it has no map.
    """
    clean, poisoned, n_test = summary.clean, summary.poisoned, summary.n_test
    before, after = (round(n_test * (1.0 - score.accuracy)) for score in (clean, poisoned))
    per_hundred = 100.0 * (after - before) / n_test
    changes = [
        ClassChange(name, 100.0 * old, 100.0 * new)
        for name, old, new in zip(summary.classes, clean.per_class, poisoned.per_class, strict=True)
        if not math.isnan(old)
    ]
    changes.sort(key=lambda change: change.after - change.before)
    return Story(
        n_train=summary.n_train,
        n_poison=summary.n_poison,
        n_test=n_test,
        wrong_before=before,
        wrong_after=after,
        one_in=None if before == after else round(n_test / abs(after - before)),
        per_hundred=per_hundred,
        margin=summary.paired_error(),
        is_sure=summary.p_value() < SIGNIFICANCE,
        hardest_hit=[change for change in changes if change.after < change.before],
        ideal_per_hundred=None if summary.stage2 is None else summary.drop("stage2"),
        makes_images=plot is not None and plot.makes_images,
        pixels_changed=plot is not None and _changes_pixels(plot),
        relabelled=None if plot is None else int(np.sum(plot.poison_y != plot.base_y)),
    )


def _changes_pixels(plot: PlotData) -> bool:
    return plot.poison_x is not None and not np.array_equal(plot.poison_x, plot.base_x)


def class_centres(train_xy: Array, train_y: Array, n_classes: int) -> Array:
    """Positions (c, 2) of class names on the map: the clean point nearest to the median of its class.

    The median itself may lie between two clusters of the class.

    Args:
        train_xy: (n, 2) positions on the map.
        train_y: (n,) classes.
        n_classes: number c of classes; those without points get NaN.
    """
    centres = np.full((n_classes, 2), np.nan)
    for label in range(n_classes):
        own = train_xy[train_y == label]
        if len(own):
            offsets = np.linalg.norm(own - np.median(own, axis=0), axis=1)
            centres[label] = own[int(np.argmin(offsets))]
    return centres


def spread_labels(centres: Array, train_xy: Array) -> Array:
    """Positions (c, 2) of class names, moved apart vertically so that they don't overlap.

    Args:
        centres: (c, 2), NaN for classes without a name.
        train_xy: (n, 2) positions on the map, whose extent determines the size of a name.
    """
    width, height = NAME_SIZE * (train_xy.max(axis=0) - train_xy.min(axis=0))
    places = centres.copy()
    order = [i for i in np.argsort(centres[:, 1]) if np.isfinite(centres[i]).all()]
    for position, i in enumerate(order):  # upwards: each is moved above those already placed
        for j in sorted(order[:position], key=lambda j: float(places[j, 1])):
            if abs(places[i, 0] - places[j, 0]) < width and abs(places[i, 1] - places[j, 1]) < height:
                places[i, 1] = places[j, 1] + height
    return places


def count_landed_elsewhere(plot: PlotData) -> int:
    """Number of poisoned samples that lie on the map among clean images of a class other than their label."""
    k = min(NEIGHBOURS, plot.n_clean)
    _, near = cKDTree(plot.train_xy).query(plot.shown_xy, k=k)
    around = plot.train_y[near.reshape(plot.n_poison, k)]
    same = (around == plot.poison_y[:, None]).sum(axis=1)
    return int(np.sum(2 * same < k))


def one_per_class(labels: Array, most: int) -> list[int]:
    """Select rows of as many different classes as possible.

    Args:
        labels: (m,) class of each row.
        most: maximum number of rows.
    """
    _, first = np.unique(labels, return_index=True)
    rows = sorted(first.tolist()) + [row for row in range(len(labels)) if row not in set(first.tolist())]
    return rows[:most]
