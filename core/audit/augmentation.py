"""A head trained on random views of the images, too: what poison is worth against a defender who augments."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.audit.views import views_of
from core.data.stored import Images, StoredImages
from core.experiments import extraction
from core.experiments.result import Result
from core.experiments.watch import RunWatch
from core.extractors import features
from core.extractors.features import Pipeline
from core.heads import logistic as head
from core.pretraining.augment import Augmentation, view
from core.pretraining.recipe import NO_FLIP
from core.spec.events import Event, Observer, silent

AREA = 0.8
"""Smallest share of an image's area that a view keeps; it is scaled back to the whole."""
CHUNK = 256
"""Images of which views are made at once."""


def augmented_head(result: Result, device: torch.device, on_event: Observer = silent) -> dict[str, float]:
    """The accuracies of heads that are trained on every image and on random views of it, poison included.

    A view is a crop of 80 to 100 % of the image, scaled back, and mirrored or not, but for digits. All views are
    stacked, so that λ weighs as before; accuracy is that on the test images as they are. The seed of the views is
    the experiment's.

    Args:
        result: of an experiment whose poison is images.
        device: where to compute.
        on_event: called before each batch of views; raises to stop.

    Returns:
        The accuracy without poison under "clean" and with it under "poisoned".

    Raises:
        PoisonLabError: images or extractor are gone.
    """
    spec, poison = result.spec, result.poison
    assert poison.x is not None
    watch = RunWatch(on_event)
    loaded = extraction.load(spec, device, watch)
    pipeline = extraction.extract(loaded, watch).pipeline
    generator = torch.Generator(device).manual_seed(spec.seed)
    how = Augmentation(area=AREA, flip=spec.data not in NO_FLIP, brightness=0.0, contrast=0.0, colour=0.0, noise=0.0)
    count = views_of(spec)

    def stacked(images: Images | StoredImages | NDArray[np.float32], z: Tensor) -> Tensor:
        """((count + 1) N, d) features of images (N, C, H, W) with features (N, d), and of their views."""
        found = [z.to(device)]
        for _ in range(count):
            for start in range(0, len(images), CHUNK):
                on_event(Event("evaluate", start, len(images)))
                found.append(_features(pipeline, images[start : start + CHUNK], how, generator, device))
        return torch.cat(found)

    z, y = (torch.from_numpy(result.features[name]).to(device) for name in ("train_z", "train_y"))
    test_z, test_y = (torch.from_numpy(result.features[name]).to(device) for name in ("test_z", "test_y"))
    clean_z, clean_y = stacked(loaded.split.train_x, z), y.repeat(count + 1)
    poison_z = stacked(poison.x, torch.from_numpy(poison.z))
    poison_y = torch.from_numpy(poison.y).to(device).repeat(count + 1)
    accuracies = {}
    for name, points, labels in (
        ("clean", clean_z, clean_y),
        ("poisoned", torch.cat([clean_z, poison_z]), torch.cat([clean_y, poison_y])),
    ):
        on_event(Event("evaluate"))
        theta = head.fit(points, labels, len(result.classes), spec.ridge)
        accuracies[name] = head.accuracy(theta, test_z, test_y)
    return accuracies


def _features(
    pipeline: Pipeline,
    images: NDArray[np.uint8] | NDArray[np.float32],
    how: Augmentation,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """(N, d) features of one random view of each image.

    Args:
        pipeline: from images to scaled features.
        images: (N, C, H, W) uint8, or float32 in [0, 1].
        how: what may change.
        generator: source of randomness, on the device.
        device: where to compute.
    """
    x = torch.from_numpy(np.array(images)).to(device)
    return features.extract_on(pipeline, view(x / 255.0 if x.dtype == torch.uint8 else x, how, generator), device)
