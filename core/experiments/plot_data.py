"""The arrays that the app draws, i.e. the content of view.npz. Free of torch; nothing is computed here.

Runs stored by earlier versions may lack arrays that were added later: those are None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from core.system.arrays import Array

ROUNDING = 1e-3
"""Distance in feature space, where features have norm 3, up to which two features of one image may differ on a GPU."""


@dataclass(frozen=True, kw_only=True)
class PlotData:
    """Arrays of the n clean training points and m poisoned samples of a run; shared, never modify them.

    Fields are in the order of view.npz, so that the same run gives the same bytes.

    Attributes:
        train_xy: (n, 2) positions on the map, which was fitted on clean features.
        base_xy, poison_xy: (m, 2) positions of the base points, and where the map places the poisoned samples.
        train_y: (n,) classes.
        base_y, poison_y, base_index: (m,) classes of the base points, labels of the poison, rows of the base points.
        base_x: (m, C, H, W) uint8 base images.
        shift: (m,) distance in feature space from base to poison.
        noise_floor: 95th percentile of the distance, in map units, by which clean points move when placed again.
        preserved: fraction in [0, 1] of neighbourhoods that the map preserves.
        stage2_xy: (m, 2) positions of the features that stage 2 optimised; None without a stage 2.
        poison_x: (m, C, H, W) uint8 poisoned images; None where the attack makes feature vectors.
        gap: (m,) inversion gap; None without inversion.
        train_pca, poison_pca, stage2_pca: (n, 2), (m, 2), (m, 2) positions on principal components of the clean
            features, which explain `pca_share` (2,) of their variance.
        logits_clean, logits: (n + m, c) float16 of the clean and of the poisoned head, clean points first.
        influence: (n + m,) contribution of each point to the mean test loss.
        near, near_distance: (n + m, k) rows of the nearest points in feature space, and float16 distances.
        walk_pca: (s, k, 2) positions of the first k poisoned samples at each step of the trajectory with poison.
        walk_x: (t, j, C, H, W) uint8 images of the first j poisoned samples at each step with images.
        walk_y: (s, k) labels of the first k poisoned samples at each step with poison; None where they stay the same.
    """

    train_xy: Array
    train_y: Array
    base_xy: Array
    poison_xy: Array
    noise_floor: float
    preserved: float | None = None
    shift: Array
    base_x: Array
    poison_y: Array
    base_y: Array
    base_index: Array
    stage2_xy: Array | None = None
    poison_x: Array | None = None
    gap: Array | None = None
    train_pca: Array | None = None
    poison_pca: Array | None = None
    stage2_pca: Array | None = None
    pca_share: Array | None = None
    logits_clean: Array | None = None
    logits: Array | None = None
    influence: Array | None = None
    near: Array | None = None
    near_distance: Array | None = None
    walk_pca: Array | None = None
    walk_x: Array | None = None
    walk_y: Array | None = None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "PlotData | None":
        """Read the arrays of view.npz; None if the run has no map.

        Unknown arrays, e.g. of a later version, are ignored.
        """
        if any(name not in arrays for name in REQUIRED):
            return None
        known: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls) if field.name in arrays}
        for name in SCALARS & known.keys():
            known[name] = float(known[name])
        return cls(**known)

    def to_arrays(self) -> dict[str, Array]:
        """The arrays as view.npz holds them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: np.asarray(value, np.float32) if name in SCALARS else value
            for name, value in values.items()
            if value is not None
        }

    @property
    def n_clean(self) -> int:
        """Number n of clean training points."""
        return len(self.train_y)

    @property
    def n_poison(self) -> int:
        """Number m of poisoned samples."""
        return len(self.poison_y)

    def labels_at(self, point: int) -> Array:
        """(k,) labels of the first poisoned samples at a step of the trajectory, by its row in `walk_pca`."""
        return self.poison_y if self.walk_y is None else self.walk_y[point]

    @property
    def makes_images(self) -> bool:
        """Whether the attack made images, not only features."""
        return self.poison_x is not None

    @property
    def moved(self) -> Array:
        """(m,) bool: whether the features of a poisoned sample differ from those of its base point."""
        return self.shift > ROUNDING

    @property
    def shown_xy(self) -> Array:
        """(m, 2) positions of the poisoned samples to draw: a sample that has not moved lies on its base point.

        `poison_xy` has it beside that point, by the noise of placing it.
        """
        return np.where(self.moved[:, None], self.poison_xy, self.base_xy)

    @property
    def has_points(self) -> bool:
        """Whether logits, neighbours and influence of single points are stored; not by the earliest versions."""
        return self.near is not None


SCALARS = frozenset({"noise_floor", "preserved"})
REQUIRED = tuple(field.name for field in fields(PlotData) if field.default is not None)
"""Names of the arrays that every run with a map has."""
