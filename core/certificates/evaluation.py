"""Certificates of one run, with the effect of attacks on the same heads."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.certificates import label_flips, partitions
from core.certificates.certificate import AddedPoints, FlippedLabels, Noise
from core.certificates.partitions import Certified
from core.heads import logistic as head
from core.system import device as devices
from core.system.arrays import Array

DEFAULT_NOISE = Noise()
FLIPS = (1, 3, 10, 30, 100)
"""Numbers of labels that an attacker flips, to compare the certificate with."""


def added(features: Mapping[str, Array], n_classes: int, ridge: float, k: int, place: torch.device) -> AddedPoints:
    """The certificate against added points.

    Args:
        features: a run's `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,), `test_z` (t, d) and
            `test_y` (t,).
        n_classes: c.
        ridge: λ of the heads.
        k: number of heads that vote.
        place: device that computes.
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
    noise: Noise = DEFAULT_NOISE,
) -> FlippedLabels:
    """The certificate against flipped labels.

    Args:
        features: see `added`: features (n, d) and labels (n,) of training and test set.
        n_classes: c.
        ridge: λ of the head that is attacked.
        place: device that computes.
        noise: distribution of the labels of the heads that vote.
    """
    a = devices.tensors(features, place)
    train_z, train_y, test_z, test_y = a["train_z"], a["train_y"], a["test_z"], a["test_y"]
    counts = label_flips.votes(train_z, train_y, test_z, n_classes, noise)
    certified = label_flips.certify(counts, noise.q, len(train_y))
    theta = head.fit(train_z, train_y, n_classes, ridge)
    plain: list[tuple[int, float]] = []
    for flips in (n for n in FLIPS if n < len(train_y)):
        labels = label_flips.harmful(train_z, train_y, n_classes, ridge, theta, flips)
        plain.append((flips, head.accuracy(head.fit(train_z, labels, n_classes, ridge, theta), test_z, test_y)))
    return FlippedLabels(
        noise=noise,
        clean=float(certified.predicted.eq(test_y).double().mean()),
        certified=curve(certified, test_y),
        plain=tuple(plain),
    )


def curve(certified: Certified, test_y: Tensor) -> tuple[float, ...]:
    """Certified accuracy for labels (t,) by the number of poisoned points: from 0 to the first with accuracy 0."""
    last = max(0, int(certified.radius.max()) + 1)
    return tuple(certified.accuracy(test_y, points) for points in range(last + 1))
