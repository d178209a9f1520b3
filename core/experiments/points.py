"""All points of a finished run as one table, clean training points first, then poisoned samples.

Everything is read from stored arrays (`core.experiments.plotting`): nothing is fitted, extracted or trained here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from core.catalog.split import draw_for
from core.data.stored import Images, StoredImages
from core.experiments.plot_data import PlotData
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array

HEADS = ("clean", "poisoned")
"""Names of the two heads: trained without and with the poison."""


@dataclass(frozen=True)
class Points:
    """The n clean training points and m poisoned samples of a run.

    Attributes:
        plot: the run's arrays; everything but positions on the map requires `PlotData.has_points`.
        classes: class names.
    """

    plot: PlotData
    classes: Sequence[str]

    @property
    def n_clean(self) -> int:
        """Number n of clean training points."""
        return self.plot.n_clean

    @cached_property
    def y(self) -> Array:
        """(n + m,) labels as the defender receives them."""
        return np.concatenate([self.plot.train_y, self.plot.poison_y])

    @property
    def is_poison(self) -> Array:
        """(n + m,) bool, true for poisoned samples."""
        return np.arange(len(self.y)) >= self.n_clean

    @property
    def influence(self) -> Array:
        """(n + m,) contribution of each point to the mean test loss, in thousandths."""
        return 1e3 * _require(self.plot.influence)

    def positions(self, space: Literal["xy", "pca"]) -> Array:
        """(n + m, 2) positions: "xy" on the UMAP, "pca" on two principal components."""
        if space == "xy":
            return np.concatenate([self.plot.train_xy, self.plot.shown_xy])
        return np.concatenate([_require(self.plot.train_pca), _require(self.plot.poison_pca)])

    def plane(self, a: int, b: int, head: str) -> Array:
        """(n + m, 2): the difference of the logits of classes b and a, and the first principal component.

        Both are linear in the features, so that this is a projection onto a plane of feature space, in which the
        decision boundary between the two classes is the line at 0.

        Args:
            a: a class.
            b: another class.
            head: one of `HEADS`.
        """
        logits = self.logits(head)
        return np.column_stack([logits[:, b] - logits[:, a], self.positions("pca")[:, 0]]).astype(np.float32)

    def logits(self, head: str) -> Array:
        """(n + m, c) float32 logits of a head of `HEADS`."""
        return self._stored_logits(head).astype(np.float32)

    def predicted(self, head: str) -> Array:
        """(n + m,) predictions of a head of `HEADS`."""
        return np.asarray(self._stored_logits(head).argmax(1))

    def losses(self, head: str) -> Array:
        """(n + m,) cross-entropy of each point under a head of `HEADS`."""
        logits = self.logits(head).astype(np.float64)
        top = logits.max(1)
        of_label = logits[np.arange(len(logits)), self.y]
        return np.asarray(np.log(np.exp(logits - top[:, None]).sum(1)) + top - of_label)

    def neighbours(self, row: int) -> list[tuple[int, float]]:
        """Rows and distances of the nearest neighbours of a point in feature space, nearest first."""
        near, distances = _require(self.plot.near)[row], _require(self.plot.near_distance)[row]
        return [(int(point), float(distance)) for point, distance in zip(near, distances, strict=True)]

    def _stored_logits(self, head: str) -> Array:
        return _require({"clean": self.plot.logits_clean, "poisoned": self.plot.logits}[head])


@dataclass(frozen=True)
class PointImages:
    """The images of the points of a run, by row; clean images of a user are read when they are asked for.

    Attributes:
        clean: (n, C, H, W) uint8.
        poison: (m, C, H, W) uint8.
    """

    clean: Images | StoredImages
    poison: Images

    def __len__(self) -> int:
        """Number n + m of points."""
        return len(self.clean) + len(self.poison)

    def __getitem__(self, row: int) -> Images:
        """The image (C, H, W) of a point."""
        n = len(self.clean)
        return np.asarray(self.clean[row] if row < n else self.poison[row - n])


def images(spec: ExperimentSpec, plot: PlotData) -> PointImages:
    """The images of the points of a run; base images stand in for poison without images.

    Args:
        spec: a resolved spec.
        plot: of its run.

    Raises:
        DataError: see `core.data.split.draw`.
    """
    return PointImages(draw_for(spec).train_x, plot.base_x if plot.poison_x is None else plot.poison_x)


def _require(array: Array | None) -> Array:
    """An array that must not be None.

    Raises:
        ValueError: the run was stored without it, by an early version.
    """
    if array is None:
        raise ValueError("the run was stored without its points; see `PlotData.has_points`")
    return array


def tested_images(spec: ExperimentSpec, rows: Sequence[int]) -> list[Images]:
    """Test images (C, H, W) of a run.

    Args:
        spec: a resolved spec.
        rows: positions in its test set.

    Raises:
        DataError: see `core.data.split.draw`.
    """
    images = draw_for(spec).test_x
    return [np.asarray(images[row]) for row in rows]
