"""The first phases of a run: its images or feature vectors are loaded, and features are extracted and scaled."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.catalog.lookup import data_info, extractor_info
from core.catalog.split import draw_for
from core.data.split import Split
from core.data.stored import Images, StoredImages
from core.experiments.watch import RunWatch
from core.extractors import features, pool
from core.extractors.build import Extractor
from core.spec.events import Event
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.arrays import Array
from core.system.errors import DataError


@dataclass(frozen=True)
class Loaded:
    """Images, class names, and the extractor on its device; None where the data are feature vectors."""

    split: Split
    classes: tuple[str, ...]
    extractor: Extractor | None
    device: torch.device


def load(
    spec: ExperimentSpec, device: torch.device, watch: RunWatch, test_rows: NDArray[np.intp] | None = None
) -> Loaded:
    """Sample the images and build the extractor.

    Args:
        spec: a resolved spec.
        device: on which everything is computed.
        watch: receives progress events, as in all phases.
        test_rows: see `core.data.split.draw`.
    """
    with watch.stage("load"):
        split = draw_for(spec, test_rows)
        extractor = None
        if split.train_vectors is None:
            extractor = pool.extractor(extractor_info(spec.extractor), spec.input_size or 0, device)
        return Loaded(split, data_info(spec.data).classes, extractor, device)


@dataclass(frozen=True)
class Extracted:
    """Scaled features on the device.

    Attributes:
        pipeline: the whole f, from images in [0, 1] to scaled features.
        train_z, test_z: (n, d) and (t, d) float32.
        train_y, test_y: (n,) and (t,) int64.
        digest: names the extractor and the training images by content.
    """

    pipeline: features.Pipeline
    train_z: Tensor
    train_y: Tensor
    test_z: Tensor
    test_y: Tensor
    digest: str

    @cached_property
    def on_host(self) -> tuple[Array, Array]:
        """`train_z` and `test_z` in host memory, copied once."""
        return devices.on_host(self.train_z).numpy(), devices.on_host(self.test_z).numpy()


def extract(loaded: Loaded, watch: RunWatch) -> Extracted:
    """Extract the features, or read them from the cache, and fit their scale on the training images.

    Raises:
        WeightsError: features that are not finite, or the same for all images.
        DataError: all training images are equal.
    """
    split, device, extractor = loaded.split, loaded.device, loaded.extractor
    if extractor is None:
        return _given(loaded, watch)
    total = len(split.train_x) + len(split.test_x)

    def cached(images: Images | StoredImages, before: int, digest: str | None = None) -> tuple[Tensor, bool]:
        report = lambda done, _: watch(Event("extract", before + done, total))  # noqa: E731
        return features.cached_on(extractor, images, device, report, digest)

    with watch.stage("extract"):
        digest = features.digest(extractor, split.train_x)
        train_raw, train_was_cached = cached(split.train_x, 0, digest)
        test_raw, test_was_cached = cached(split.test_x, len(split.train_x))
        features.check_spread(train_raw, split.train_x, extractor.info.title)
        pipeline = features.Pipeline(extractor, features.Scale.fit(train_raw)).to(device)
        extracted = Extracted(
            pipeline=pipeline,
            train_z=pipeline.scale(train_raw).float(),
            train_y=torch.from_numpy(split.train_y).to(device),
            test_z=pipeline.scale(test_raw).float(),
            test_y=torch.from_numpy(split.test_y).to(device),
            digest=digest,
        )
    if train_was_cached and test_was_cached:
        watch.rename("extract", "extract_cached")
    return extracted


def _given(loaded: Loaded, watch: RunWatch) -> Extracted:
    """The features of data that are feature vectors, scaled as those of any extractor.

    Raises:
        DataError: all training points have the same features.
    """
    split, device = loaded.split, loaded.device
    assert split.train_vectors is not None
    assert split.test_vectors is not None
    with watch.stage("extract"):
        train_raw, test_raw = (
            torch.from_numpy(np.array(raw)).to(device) for raw in (split.train_vectors, split.test_vectors)
        )
        scale = features.Scale.fit(train_raw)
        if not bool(scale.factor.any()):
            raise DataError("All training points have the same features: nothing can be learned from them.")
        pipeline = features.Pipeline(features.AsGiven(), scale).to(device)
        return Extracted(
            pipeline=pipeline,
            train_z=scale(train_raw).float(),
            train_y=torch.from_numpy(split.train_y).to(device),
            test_z=scale(test_raw).float(),
            test_y=torch.from_numpy(split.test_y).to(device),
            digest=hashlib.sha256(np.ascontiguousarray(split.train_vectors).data).hexdigest()[:32],
        )
