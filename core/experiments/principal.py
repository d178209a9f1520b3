"""The first two principal components, exactly, by a covariance matrix: scikit-learn alone takes a second to import."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from core.system.arrays import Array


@dataclass(frozen=True)
class Principal:
    """A projection onto two principal components.

    Attributes:
        mean: (d,) mean of the points that it was fitted to.
        axes: (2, d) orthonormal; the largest entry of each is positive.
        share: (2,) share of the variance along each.
    """

    mean: Array
    axes: Array
    share: Array

    @classmethod
    def fit(cls, z: Array) -> "Principal":
        """Fit to points (n, d), with n and d at least 2."""
        mean = z.mean(0)
        centred = z - mean
        covariance = (centred.T @ centred).astype(np.float64)
        d = len(covariance)
        values, vectors = eigh(covariance, subset_by_index=[d - 2, d - 1])
        axes = vectors.T[::-1]
        axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1))
        total = max(float(covariance.trace()), np.finfo(np.float64).tiny)
        return cls(mean, axes.astype(z.dtype), values[::-1].clip(0) / total)

    def transform(self, z: Array) -> Array:
        """Coordinates (k, 2) of points (k, d)."""
        return np.asarray((z - self.mean) @ self.axes.T)
