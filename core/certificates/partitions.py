"""Deep Partition Aggregation on frozen features (Levine, Feizi 2021): a vote of k heads, each on a part of the data.

A point's part is a hash of the point itself, so that adding or removing a point affects one head only. A test image
whose winning class leads by a gap g keeps its class while at most g/2 points are added or removed.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.heads import logistic as head
from core.heads.batched import fit_many

TOLERANCE = 1e-4
"""Of a voting head's gradient. The certificate holds for any head that depends only on its own part."""


def part_of(z: Tensor, y: Tensor, k: int) -> Tensor:
    """(N,) in [0, k): the part of each point, a hash of its features and its label only.

    Args:
        z: (N, d) features.
        y: (N,) labels.
        k: number of parts.
    """
    rows = np.ascontiguousarray(z.detach().cpu().numpy(), dtype=np.float32)
    labels = y.cpu().numpy().astype("<i8")
    digests = (
        hashlib.blake2b(row.tobytes() + label.tobytes(), digest_size=8).digest()
        for row, label in zip(rows, labels, strict=True)
    )
    return torch.tensor([int.from_bytes(digest, "little") % k for digest in digests], device=y.device)


@dataclass(frozen=True)
class Certified:
    """Certified predictions for test images.

    Attributes:
        predicted: (T,) predicted class; ties go to the first.
        radius: (T,) int64, the number of poisoned points up to which the prediction can't change; -1 if it is not
            certified even for 0.
    """

    predicted: Tensor
    radius: Tensor

    def accuracy(self, y: Tensor, points: int = 0) -> float:
        """Certified accuracy for labels y (T,) with up to so many poisoned points."""
        return float((self.predicted.eq(y) & (self.radius >= points)).double().mean())


def votes(z: Tensor, y: Tensor, test_z: Tensor, n_classes: int, ridge: float, k: int) -> Tensor:
    """(T, c) int64: the number of heads that predict each class for each test point.

    Args:
        z, y: training set (N, d), (N,), in any order.
        test_z: (T, d) test features.
        n_classes: c.
        ridge: λ of the heads.
        k: number of heads.

    Raises:
        NotConverged: see `core.heads.batched.fit_many`.
    """
    part = part_of(z, y, k)
    count = torch.bincount(part, minlength=k)
    # Each part's points without gaps, in their own order: a head must not depend on points of other parts.
    order = torch.argsort(part, stable=True)
    place = torch.arange(len(y), device=y.device) - (count.cumsum(0) - count)[part[order]]
    parts_z = z.new_zeros(k, int(count.max()), z.shape[1])
    parts_y = y.new_zeros(k, int(count.max()))
    parts_z[part[order], place], parts_y[part[order], place] = z[order], y[order]
    thetas = fit_many(parts_z, parts_y, n_classes, ridge, count=count, tol=TOLERANCE)
    return counted(thetas, test_z)


def counted(thetas: Tensor, test_z: Tensor) -> Tensor:
    """(T, c) int64: how many of the heads (k, c, d + 1) predict each class for test features (T, d)."""
    counts = torch.zeros(len(test_z), thetas.shape[1], dtype=torch.int64, device=test_z.device)
    for theta in thetas:
        winner = head.logits(theta, test_z).argmax(1, keepdim=True)
        counts.scatter_add_(1, winner, torch.ones_like(winner))
    return counts


def certify(counts: Tensor) -> Certified:
    """The certified predictions of votes (T, c).

    A poisoned point can move one vote from the winner to any other class, which reduces the winner's lead by two. A
    class with a smaller index than the winner wins a tie.
    """
    winner = counts.argmax(1)  # ties go to the first, as `argmax` does on a CPU
    most = counts.gather(1, winner[:, None])
    before = torch.arange(counts.shape[1], device=counts.device) < winner[:, None]
    lead = most - counts - before.long()
    lead.scatter_(1, winner[:, None], torch.iinfo(lead.dtype).max)
    return Certified(winner, lead.amin(1) // 2)
