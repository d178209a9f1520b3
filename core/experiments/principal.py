"""The first two principal components, exactly, by a covariance matrix: scikit-learn alone takes a second to import."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

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
        return cls._of(mean, (centred.T @ centred).astype(np.float64))

    @classmethod
    def of(cls, points: Tensor) -> "Principal":
        """The same of points (n, d) on any device, of which a GPU's are not copied back."""
        return cls.fit(points.numpy()) if points.device.type == "cpu" else cls._there(points)

    @classmethod
    def _there(cls, points: Tensor) -> "Principal":
        mean = points.mean(0)
        centred = points - mean
        return cls._of(mean.cpu().numpy(), (centred.T @ centred).double().cpu().numpy())

    @classmethod
    def _of(cls, mean: Array, covariance: Array) -> "Principal":
        """Of the mean (d,) and the products (d, d) of centred points."""
        d = len(covariance)
        values, vectors = eigh(covariance, subset_by_index=[d - 2, d - 1])
        axes = vectors.T[::-1]
        axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1))
        total = max(float(covariance.trace()), np.finfo(np.float64).tiny)
        return cls(mean, axes.astype(mean.dtype), values[::-1].clip(0) / total)

    def transform(self, z: Array) -> Array:
        """Coordinates (k, 2) of points (k, d)."""
        return np.asarray((z - self.mean) @ self.axes.T)

    def coordinates(self, points: Tensor) -> Array:
        """Coordinates (k, 2) of points (k, d) on any device."""
        return self.transform(points.numpy()) if points.device.type == "cpu" else self._coordinates_there(points)

    def _coordinates_there(self, points: Tensor) -> Array:
        mean, axes = (torch.from_numpy(part.copy()).to(points) for part in (self.mean, self.axes))
        coordinates: Array = ((points - mean) @ axes.T).cpu().numpy()
        return coordinates
