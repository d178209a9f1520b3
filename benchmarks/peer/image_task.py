"""The task of `benchmarks.peer.images`: two classes of images, their features, and the head that judges all attacks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.split import draw
from core.extractors.build import build
from core.extractors.features import Pipeline, Scale, extract

DATA, EXTRACTOR = "fashion-mnist", "resnet10-small-fashion-mnist"
CLASSES = (2, 6)
"""Pullover and shirt: a pair that a head confuses."""
TRAIN, TEST, RIDGE = 400, 1_000, 1e-3
CPU = torch.device("cpu")
Array = NDArray[Any]


@dataclass(frozen=True)
class ImageTask:
    """Training images (n, 1, 28, 28) uint8 with labels (n,), test images and labels, and a target of its own.

    Attributes:
        target, target_y: one further test image (1, 1, 28, 28), for attacks that are aimed at one, and its label (1,).
        pipeline: f, whose scale is fitted on the training images.
    """

    x: Array
    y: Array
    test_x: Array
    test_y: Array
    target: Array
    target_y: Array
    pipeline: Pipeline

    @classmethod
    def of(cls, seed: int, train: int = TRAIN, test: int = TEST) -> "ImageTask":
        """Each seed draws other images."""
        every = draw(data_info(DATA), train_size=10 * train, test_size=10_000, seed=seed)
        parts = []
        for x, y, size in ((every.train_x, every.train_y, train), (every.test_x, every.test_y, test + 1)):
            rows = np.flatnonzero(np.isin(y, CLASSES))[:size]
            parts.append((np.asarray(x[rows]), (y[rows] == CLASSES[1]).astype(np.int64)))
        (x, y), (test_x, test_y) = parts
        return cls(x, y, test_x[:-1], test_y[:-1], test_x[-1:], test_y[-1:], pipeline_of(x))

    def features(self, x: Array) -> Array:
        """(N, 512) of images (N, 1, 28, 28) uint8."""
        return extract(self.pipeline, x, CPU).astype(np.float64)

    def judged(self, poison: Array | None = None, labels: Array | None = None) -> "Judged":
        """What scikit-learn's converged head says with poison (m, 1, 28, 28) uint8 and its labels (m,) added."""
        z, y = self.features(self.x), self.y
        if poison is not None and labels is not None:
            z, y = np.vstack([z, self.features(poison)]), np.append(y, labels)
        model = LogisticRegression(C=1 / (len(z) * RIDGE), tol=1e-10, max_iter=10_000).fit(z, y)
        hit = bool(model.predict(self.features(self.target))[0] != self.target_y[0])
        return Judged(100 * float(model.score(self.features(self.test_x), self.test_y)), hit)


@dataclass(frozen=True)
class Judged:
    """Test accuracy in percent, and whether the target is taken for the other class."""

    accuracy: float
    target_hit: bool


def pipeline_of(x: Array) -> Pipeline:
    """The extractor with its scale fitted on training images (n, 1, 28, 28) uint8; differentiable in the images."""
    record = info(EXTRACTOR)
    extractor = build(record, record.input_sizes[0], CPU)
    return Pipeline(extractor, Scale.fit(torch.from_numpy(extract(extractor, x, CPU))))
