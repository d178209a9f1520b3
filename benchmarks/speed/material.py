"""Data for the measurements: Fashion-MNIST's features by the default extractor, and attacks on them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.plan import make_plan
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.readers import Images, read
from core.extractors.build import build
from core.extractors.features import Pipeline, Scale, cached
from core.heads import logistic as head
from core.spec.experiment import ExperimentSpec, parse_spec

DEFAULT = ExperimentSpec()
ALL, FEW = 60_000, 2_000
"""Images there are, and those of a quick try."""


@dataclass(frozen=True)
class Size:
    """Of one case: n training points, m poison points, d features, c classes; by default those of the default run."""

    n: int = DEFAULT.train_size
    m: int = DEFAULT.n_poison
    d: int = info(DEFAULT.extractor).width
    c: int = len(data_info(DEFAULT.data).classes)


@dataclass(frozen=True)
class Material:
    """The first images in the order of their file, which is random: uint8 (N, C, H, W), z (N, d) float32, y (N,)."""

    images: Images
    z: Tensor
    y: Tensor
    pipeline: Pipeline


@cache
def material(count: int, place: torch.device) -> Material:
    """The first `count` training images; their features are extracted once and kept on the disk."""
    images, labels = read(data_info(DEFAULT.data), "train")
    record = info(DEFAULT.extractor)
    extractor = build(record, record.input_sizes[0], place)
    raw = torch.from_numpy(np.array(cached(extractor, images[:count], place)[0])).to(place)
    pipeline = Pipeline(extractor, Scale.fit(raw))
    return Material(images[:count], pipeline.scale(raw).float(), torch.tensor(labels[:count], device=place), pipeline)


def case(data: Material, size: Size) -> tuple[Scene, Plan]:
    """What an attacker knows, and the poison planned, for a size.

    Fewer classes are the first ones. More are clusters of each class; another width is a random projection.
    """
    rows = torch.nonzero(data.y < size.c).flatten()[: size.n]
    z, y = data.z[rows], data.y[rows]
    parts = size.c // (int(data.y.max()) + 1)
    if parts > 1:
        y = split_classes(z, y, parts)
    if size.d != z.shape[1]:
        generator = torch.Generator().manual_seed(0)
        z = z @ (torch.randn(z.shape[1], size.d, generator=generator) / size.d**0.5).to(z)
    images = torch.from_numpy(data.images[rows.cpu().numpy()]).to(z.device).float() / 255.0
    clean_head = head.fit(z, y, size.c, DEFAULT.ridge)
    scene = Scene(images, z, y, size.c, DEFAULT.ridge, clean_head, data.pipeline, "speed")
    return scene, make_plan(scene, parse_spec({"train_size": size.n, "budget": size.m / size.n}))


def split_classes(z: Tensor, y: Tensor, parts: int) -> Tensor:
    """Split each class into clusters.

    Args:
        z: (N, d) features.
        y: (N,) classes.
        parts: clusters per class.

    Returns:
        (N,) labels of the clusters.
    """
    labels = y.clone()
    for label in y.unique():
        rows = torch.nonzero(y == label).flatten()
        cluster = KMeans(parts, random_state=0).fit_predict(z[rows].cpu().numpy())
        labels[rows] = label * parts + torch.from_numpy(cluster).to(y)
    return labels
