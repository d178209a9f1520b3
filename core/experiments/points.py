"""Every point of a finished run, clean training points first and poison after them, as one table to colour and search.

All of it is read off the arrays that the run has stored (`core.experiments.plotting`): nothing is fitted,
extracted or trained here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.catalog.split import draw_for
from core.spec.experiment import ExperimentSpec

Array = NDArray[Any]

HEADS = {"clean": "logits_clean", "poisoned": "logits"}
"""The heads that judge the points: without and with the poison in the training set."""


@dataclass(frozen=True)
class Points:
    """The n clean training points and m poisons of a run.

    Attributes:
        view: the run's arrays, see `core.experiments.result.Result.view`.
        classes: their names.
    """

    view: Mapping[str, Array]
    classes: Sequence[str]

    @property
    def n_clean(self) -> int:
        """n."""
        return len(self.view["train_y"])

    @cached_property
    def y(self) -> Array:
        """(n + m,) labels, as the defender is told them."""
        return np.concatenate([self.view["train_y"], self.view["poison_y"]])

    @property
    def is_poison(self) -> Array:
        """(n + m,) bool."""
        return np.arange(len(self.y)) >= self.n_clean

    @property
    def influence(self) -> Array:
        """(n + m,) what each point adds to the mean test loss, in thousandths."""
        return 1e3 * self.view["influence"]

    def positions(self, space: str) -> Array:
        """(n + m, 2) on the map: "xy" as UMAP drew it, "pca" on principal components."""
        return np.concatenate([self.view[f"train_{space}"], self.view[f"poison_{space}"]])

    def plane(self, a: int, b: int, head: str) -> Array:
        """(n + m, 2): by how much a head prefers class b to class a, and the first principal component.

        The head decides between the two classes at 0 of the first coordinate: a difference of logits is linear in the
        features, so this is a plane of feature space.
        """
        logits = self.logits(head)
        return np.column_stack([logits[:, b] - logits[:, a], self.positions("pca")[:, 0]]).astype(np.float32)

    def logits(self, head: str) -> Array:
        """(n + m, c) float32 by a head of `HEADS`."""
        found: Array = self.view[HEADS[head]].astype(np.float32)
        return found

    def predicted(self, head: str) -> Array:
        """(n + m,) the class that a head of `HEADS` chooses."""
        found: Array = self.view[HEADS[head]].argmax(1)
        return found

    def losses(self, head: str) -> Array:
        """(n + m,) cross-entropy of each point's label under a head of `HEADS`."""
        logits = self.logits(head).astype(np.float64)
        top = logits.max(1)
        chosen = logits[np.arange(len(logits)), self.y]
        found: Array = np.log(np.exp(logits - top[:, None]).sum(1)) + top - chosen
        return found

    def neighbours(self, row: int) -> list[tuple[int, float]]:
        """The points nearest to one in feature space, nearest first, with their distances."""
        return [
            (int(near), float(distance))
            for near, distance in zip(self.view["near"][row], self.view["near_distance"][row], strict=True)
        ]


def has_points(view: Mapping[str, Array]) -> bool:
    """Whether a run's arrays are of a version that keeps what `Points` reads."""
    return "near" in view


def images(spec: ExperimentSpec, view: Mapping[str, Array]) -> Array:
    """Images (n + m, C, H, W) uint8 of the points of a run; the base image where a poison is features only.

    Args:
        spec: a resolved spec.

    Raises:
        DataError: the data set's files can't be read.
    """
    return np.concatenate([draw_for(spec).train_x, view.get("poison_x", view["base_x"])])
