"""One finished run in numbers for people who do not work with models. Free of torch; nothing is trained here."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from core.experiments.plot_data import PlotData
from core.experiments.summary import SIGNIFICANCE, RunSummary
from core.system.arrays import Array

NEIGHBOURS = 5
"""Clean images around a poison that say among which kind it landed."""


NAME_SIZE = np.array([0.2, 0.07])
"""Room for the name of a class, as a share of a map's width, on a phone, and height."""


@dataclass(frozen=True)
class ClassChange:
    """Test images of one class that are right, of every 100, without and with poison."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class Story:
    """The content of a presentation of a run.

    Attributes:
        n_train, n_poison, n_test: clean training images, poisoned ones, test images.
        wrong_before, wrong_after: test images that the model gets wrong without and with the poison.
        one_in: one in so many test images more is wrong (where the poison hurt) or right (where it helped); None
            where nothing changed.
        per_hundred: images more wrong of every 100; negative where the model got better.
        margin: what chance in the choice of test images does to `per_hundred`: its standard error.
        is_sure: whether luck alone would change as much in fewer than one of twenty such tests.
        hardest_hit: the classes that lost something, the one that lost most first.
        ideal_per_hundred: the same as `per_hundred` for poison that need not be an image; None where the run has no
            such stage.
        makes_images: whether the run made images at all.
        pixels_changed: whether any pixel differs from the original images; False without images.
        relabelled: poisoned images whose label is not what they show; None where the run does not tell.
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
        """Test images more that are wrong; negative where there are fewer."""
        return self.wrong_after - self.wrong_before

    @property
    def worst(self) -> ClassChange | None:
        """The class that lost most; None where none lost anything."""
        return self.hardest_hit[0] if self.hardest_hit else None


def story_of(summary: RunSummary, plot: PlotData | None) -> Story:
    """The numbers of a finished run.

    Args:
        summary: of the run.
        plot: its arrays; None where it was made without a map.
    """
    clean, poisoned, n_test = summary.clean, summary.poisoned, summary.n_test
    before, after = (round(n_test * (1.0 - score.accuracy)) for score in (clean, poisoned))
    per_hundred = 100.0 * (after - before) / n_test
    changes = [
        ClassChange(name, 100.0 * old, 100.0 * new)
        for name, old, new in zip(summary.classes, clean.per_class, poisoned.per_class, strict=True)
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
    """A place (c, 2) for each class's name on the map: the clean image in the middle of its class, NaN without one.

    The median of each coordinate may lie between two clusters of a class; the nearest image of the class is inside.

    Args:
        train_xy: (n, 2) places on the map.
        train_y: (n,) classes.
    """
    centres = np.full((n_classes, 2), np.nan)
    for label in range(n_classes):
        own = train_xy[train_y == label]
        if len(own):
            offsets = np.linalg.norm(own - np.median(own, axis=0), axis=1)
            centres[label] = own[int(np.argmin(offsets))]
    return centres


def spread_labels(centres: Array, train_xy: Array) -> Array:
    """Places of names (c, 2), moved apart in height where two would cover each other.

    Args:
        centres: (c, 2), NaN where there is no name.
        train_xy: (n, 2) places on the map, whose extent says how large a name is.
    """
    width, height = NAME_SIZE * (train_xy.max(axis=0) - train_xy.min(axis=0))
    places = centres.copy()
    order = [i for i in np.argsort(centres[:, 1]) if np.isfinite(centres[i]).all()]
    for position, i in enumerate(order):  # upwards: each steps over those that stand already
        for j in sorted(order[:position], key=lambda j: float(places[j, 1])):
            if abs(places[i, 0] - places[j, 0]) < width and abs(places[i, 1] - places[j, 1]) < height:
                places[i, 1] = places[j, 1] + height
    return places


def count_landed_elsewhere(plot: PlotData) -> int:
    """How many poisoned samples lie on the map among clean images of another class than their label says."""
    k = min(NEIGHBOURS, plot.n_clean)
    _, near = cKDTree(plot.train_xy).query(plot.poison_xy, k=k)
    around = plot.train_y[near.reshape(plot.n_poison, k)]
    same = (around == plot.poison_y[:, None]).sum(axis=1)
    return int(np.sum(2 * same < k))


def one_per_class(labels: Array, most: int) -> list[int]:
    """Rows of as many different classes as there are, at most `most` in all.

    Args:
        labels: (m,) the class of each row.
        most: rows.
    """
    _, first = np.unique(labels, return_index=True)
    rows = sorted(first.tolist()) + [row for row in range(len(labels)) if row not in set(first.tolist())]
    return rows[:most]
