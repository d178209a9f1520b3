"""Why a point: what every single point of a poisoned training set does to the head, and what each defence says of it.

The training set holds the n clean points first, then the m poisoned ones, as in `core.experiments.points`. Free of
torch, for pages: `core.experiments.scoring` computes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.system.arrays import Array

_PLAIN = ("y", "is_poison", "loss", "influence", "held_out", "near", "distance")


@dataclass(frozen=True)
class PointScores:
    """What is known of each of the N = n + m points of a training set; shared, never modify the arrays.

    Attributes:
        y: (N,) int64 labels.
        is_poison: (N,) bool.
        loss: (N,) cross-entropy of the label under the head that was trained on all points.
        influence: (N,) to first order, by how much one more copy of the point would raise the outer loss of attacks:
            the mean probability with which the head does not predict the class of a clean training point.
        held_out: (N,) int64 label that the head predicts which was trained without the point's fold.
        near: (N, k) int64 rows of the nearest points in feature space, nearest first.
        distance: (N, k) their distances.
        suspicion: by defence, (N,) with larger values for more suspicious points.
        removed: by defence, (N,) bool.
    """

    y: Array
    is_poison: Array
    loss: Array
    influence: Array
    held_out: Array
    near: Array
    distance: Array
    suspicion: Mapping[str, Array]
    removed: Mapping[str, Array]

    def __len__(self) -> int:
        """Number N of points."""
        return len(self.y)

    @property
    def same_label(self) -> Array:
        """(N,) int64 number of nearest neighbours that have the point's label."""
        return np.asarray((self.y[self.near] == self.y[:, None]).sum(1))

    def to_arrays(self) -> dict[str, Array]:
        """Plain arrays by name, for `from_arrays`."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        plain |= {f"suspicion:{name}": values for name, values in self.suspicion.items()}
        return plain | {f"removed:{name}": values for name, values in self.removed.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "PointScores":
        """Read the output of `to_arrays`.

        Raises:
            KeyError: an array is missing.
        """
        fields: dict[str, Any] = {name: arrays[name] for name in _PLAIN}
        fields |= {"suspicion": {}, "removed": {}}
        for key, values in arrays.items():
            kind, _, name = key.partition(":")
            if name:
                fields[kind][name] = values
        return cls(**fields)


def ranks(values: Array) -> Array:
    """(N,) int64 places of values (N,), 1 for the largest; equal values share the better place, as in sports."""
    ordered = np.sort(values)
    return np.asarray(len(values) - np.searchsorted(ordered, values, side="right") + 1)
