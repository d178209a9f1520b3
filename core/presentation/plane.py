"""Points in the plane for the playground: two or three classes, clean training points and test points.

Everything here is drawn by a fixed seed or read from a finished run; the head itself is solved in the browser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from core.catalog.lookup import data_info
from core.defences.settings import SHARE
from core.experiments.plot_data import PlotData
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array
from core.system.errors import DataError

SEED = 0
TRAIN_OF_A_CLASS, TEST_OF_A_CLASS = 100, 200
NEAR = 0.1
"""How far poison may be from its base under `perturbation`, in each coordinate, in parts of the range's longer side."""
DECIMALS = 4
COMPONENTS = "components"
"""The plane of the default data's first two principal components."""
COMPONENT_CLASSES = ("Trouser", "Coat", "Ankle boot")
"""Classes of the default data that the plane of principal components shows: apart enough for a head with two inputs."""


@dataclass(frozen=True)
class Plane:
    """Labelled points in the plane.

    Attributes:
        title: for people.
        source: where the points come from, a sentence.
        classes: (c,) names, c is 2 or 3.
        train_x, train_y: (n, 2) float64 places and (n,) int64 labels of the clean training points.
        test_x, test_y: (t, 2) and (t,) of the points that accuracy is measured on.
    """

    title: str
    source: str
    classes: tuple[str, ...]
    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array

    @property
    def near(self) -> float:
        """The largest distance from its base, in each coordinate, of poison under the constraint `perturbation`."""
        return round(NEAR * float(np.ptp(self.train_x, axis=0).max()), DECIMALS)

    def as_data(self) -> dict[str, object]:
        """What the component of the playground gets, as plain JSON."""
        return {
            "title": self.title,
            "classes": list(self.classes),
            "train": _rows(self.train_x, self.train_y),
            "test": _rows(self.test_x, self.test_y),
            "near": self.near,
            "share": SHARE,
        }


def _rows(x: Array, y: Array) -> list[list[float]]:
    return [[float(a), float(b), int(label)] for (a, b), label in zip(x, y, strict=True)]


def blobs(centres: Sequence[tuple[float, float]], spread: float, title: str) -> Plane:
    """Normal clouds around centres, one for each class.

    Args:
        centres: (c, 2) their middles.
        spread: standard deviation in each coordinate.
        title: for people.
    """
    rng = np.random.default_rng(SEED)

    def draw(count: int) -> tuple[Array, Array]:
        y = np.repeat(np.arange(len(centres)), count)
        return np.asarray(centres)[y] + spread * rng.standard_normal((len(y), 2)), y

    names = tuple("ABC"[: len(centres)])
    return _plane(title, "Normal clouds, drawn by a fixed seed.", names, draw)


def moons(noise: float = 0.25) -> Plane:
    """Two half circles that no straight line separates, with noise of a standard deviation."""
    rng = np.random.default_rng(SEED)

    def draw(count: int) -> tuple[Array, Array]:
        angle = np.pi * rng.random(2 * count)
        y = np.repeat([0, 1], count)
        x = np.stack([np.cos(angle), np.sin(angle)], 1)
        x[y == 1] = [1.0, 0.5] - x[y == 1]
        return 1.6 * (x - [0.5, 0.25] + noise * rng.standard_normal((2 * count, 2))), y

    return _plane(TITLES["moons"], "Two half circles with noise, drawn by a fixed seed.", ("A", "B"), draw)


def components(plot: PlotData | None, spec: ExperimentSpec) -> Plane:
    """Three classes of a run's data on the two principal components of its clean features.

    The first points of each class train the head, the others test it: no point is on both sides.

    Args:
        plot: the arrays of the run.
        spec: its experiment, on data that have `COMPONENT_CLASSES`.

    Raises:
        DataError: the run has no map, or its data lack the classes.
    """
    names = data_info(spec.data).classes
    if plot is None or plot.train_pca is None or not set(COMPONENT_CLASSES) <= set(names):
        raise DataError(
            f"The plane of principal components needs a run with a map on data with the classes "
            f"{', '.join(COMPONENT_CLASSES)}; choose another plane."
        )
    x, labels = plot.train_pca.astype(np.float64).round(DECIMALS), plot.train_y
    rows = [np.flatnonzero(labels == names.index(name)) for name in COMPONENT_CLASSES]
    train = np.concatenate([of_class[:TRAIN_OF_A_CLASS] for of_class in rows])
    test = np.concatenate([of_class[TRAIN_OF_A_CLASS:] for of_class in rows])
    as_own = np.full(len(names), -1)
    as_own[[names.index(name) for name in COMPONENT_CLASSES]] = range(len(COMPONENT_CLASSES))
    return Plane(
        title=TITLES[COMPONENTS],
        source=f"Images of {data_info(spec.data).title}: the first two principal components of their features.",
        classes=COMPONENT_CLASSES,
        train_x=x[train],
        train_y=as_own[labels[train]],
        test_x=x[test],
        test_y=as_own[labels[test]],
    )


def _plane(title: str, source: str, classes: tuple[str, ...], draw: Callable[[int], tuple[Array, Array]]) -> Plane:
    """A plane of drawn points.

    Args:
        title, source, classes: see `Plane`.
        draw: from a number of points of each class to places and labels.
    """
    train_x, train_y = draw(TRAIN_OF_A_CLASS)
    test_x, test_y = draw(TEST_OF_A_CLASS)
    return Plane(title, source, classes, train_x.round(DECIMALS), train_y, test_x.round(DECIMALS), test_y)


def _three() -> Plane:
    return blobs([(-1.5, -0.8), (1.5, -0.8), (0.0, 1.5)], 0.85, TITLES["three"])


def _two() -> Plane:
    return blobs([(-1.1, -0.6), (1.1, 0.6)], 0.85, TITLES["blobs"])


TITLES = MappingProxyType({"blobs": "Two blobs", "three": "Three blobs", "moons": "Moons", COMPONENTS: "Clothes"})
"""Every plane by its name in links, with the words for it."""
DRAWN: MappingProxyType[str, Callable[[], Plane]] = MappingProxyType({"blobs": _two, "three": _three, "moons": moons})
"""Planes of drawn points by their name in links."""
