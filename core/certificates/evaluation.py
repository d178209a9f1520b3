"""Certificates of one run, beside what attacks do to the same heads."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.certificates import label_flips, partitions
from core.certificates.certificate import AddedPoints, FlippedLabels, Noise
from core.certificates.partitions import Certified
from core.heads import logistic as head
from core.system import device as devices
from core.system.arrays import Array

USUAL = Noise()
FLIPS = (1, 3, 10, 30, 100)
"""Labels that an attacker flips, for whom the certificate is shown beside."""


def added(features: Mapping[str, Array], n_classes: int, ridge: float, k: int, place: torch.device) -> AddedPoints:
    """The certificate against added points.

    Args:
        features: a run's `train_z`, `train_y`, `poison_z`, `poison_y`, `test_z` and `test_y`.
        n_classes: c.
        ridge: λ of the heads.
        k: heads that vote.
        place: where to compute.
    """
    a = devices.tensors(features, place)
    z, y, test_y = torch.cat([a["train_z"], a["poison_z"]]), torch.cat([a["train_y"], a["poison_y"]]), a["test_y"]
    clean = partitions.certify(partitions.votes(a["train_z"], a["train_y"], a["test_z"], n_classes, ridge, k))
    attacked = partitions.certify(partitions.votes(z, y, a["test_z"], n_classes, ridge, k))
    return AddedPoints(k, clean.accuracy(test_y), attacked.accuracy(test_y), curve(clean, test_y))


def flipped(
    features: Mapping[str, Array],
    n_classes: int,
    ridge: float,
    place: torch.device,
    noise: Noise = USUAL,
) -> FlippedLabels:
    """The certificate against flipped labels; arguments and result as for `added`."""
    a = devices.tensors(features, place)
    train_z, train_y, test_z, test_y = a["train_z"], a["train_y"], a["test_z"], a["test_y"]
    found = label_flips.votes(train_z, train_y, test_z, n_classes, noise)
    certain = label_flips.certify(found, noise.q, len(train_y))
    theta = head.fit(train_z, train_y, n_classes, ridge)
    plain: list[tuple[int, float]] = []
    for flips in (n for n in FLIPS if n < len(train_y)):
        labels = label_flips.harmful(train_z, train_y, n_classes, ridge, theta, flips)
        plain.append((flips, head.accuracy(head.fit(train_z, labels, n_classes, ridge, theta), test_z, test_y)))
    return FlippedLabels(
        noise=noise,
        clean=float(certain.predicted.eq(test_y).double().mean()),
        certified=curve(certain, test_y),
        plain=tuple(plain),
    )


def curve(certain: Certified, test_y: Tensor) -> tuple[float, ...]:
    """Certified accuracy by the number of points, from none to the first at which nothing is certain."""
    last = max(0, int(certain.radius.max()) + 1)
    return tuple(certain.accuracy(test_y, points) for points in range(last + 1))
