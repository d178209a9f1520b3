"""Deep Partition Aggregation on frozen features (Levine, Feizi 2021): k heads, each on its own part of the data, vote.

A point's part is a hash of the point itself, so that one that is added or taken away touches one head only. A test
image whose winning class leads by a gap g keeps its class while at most g/2 points are added or taken away.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.heads import logistic as head
from core.heads.batched import fit_many

TOLERANCE = 1e-4
"""Of a voting head's gradient. The certificate holds for any head that depends on nothing but its own part."""


def part_of(z: Tensor, y: Tensor, k: int) -> Tensor:
    """(N,) in [0, k): a hash of features (N, d) and label (N,) of each point, and of nothing else."""
    rows = np.ascontiguousarray(z.detach().cpu().numpy(), dtype=np.float32)
    labels = y.cpu().numpy().astype("<i8")
    digests = (
        hashlib.blake2b(row.tobytes() + label.tobytes(), digest_size=8).digest()
        for row, label in zip(rows, labels, strict=True)
    )
    return torch.tensor([int.from_bytes(one, "little") % k for one in digests], device=y.device)


@dataclass(frozen=True)
class Certified:
    """Test images with what is certain of them.

    Attributes:
        predicted: (T,) class that wins; of equals the first.
        radius: (T,) int64, points that may be added or taken away in any way without changing it; -1 never occurs.
    """

    predicted: Tensor
    radius: Tensor

    def accuracy(self, y: Tensor, points: int = 0) -> float:
        """Share of images with labels y (T,) that are right whatever at most so many points do."""
        return float((self.predicted.eq(y) & (self.radius >= points)).double().mean())


def votes(z: Tensor, y: Tensor, test_z: Tensor, n_classes: int, ridge: float, k: int) -> Tensor:
    """(T, c) int64: for how many of k heads each class of test features (T, d) wins.

    Args:
        z, y: training set (N, d), (N,), in any order.

    Raises:
        NotConverged: see `core.heads.batched.fit_many`.
    """
    part = part_of(z, y, k)
    count = torch.bincount(part, minlength=k)
    # Each part's points in an order of their own: a head must not depend on where in the data they lay.
    order = torch.argsort(part, stable=True)
    place = torch.arange(len(y), device=y.device) - (count.cumsum(0) - count)[part[order]]
    parts_z = z.new_zeros(k, int(count.max()), z.shape[1])
    parts_y = y.new_zeros(k, int(count.max()))
    parts_z[part[order], place], parts_y[part[order], place] = z[order], y[order]
    thetas = fit_many(parts_z, parts_y, n_classes, ridge, count=count, tol=TOLERANCE)
    return counted(thetas, test_z)


def counted(thetas: Tensor, test_z: Tensor) -> Tensor:
    """(T, c) int64: for how many heads (k, c, d + 1) each class of test features (T, d) wins."""
    found = torch.zeros(len(test_z), thetas.shape[1], dtype=torch.int64, device=test_z.device)
    for theta in thetas:
        winner = head.logits(theta, test_z).argmax(1, keepdim=True)
        found.scatter_add_(1, winner, torch.ones_like(winner))
    return found


def certify(found: Tensor) -> Certified:
    """What votes (T, c) make certain.

    An added point may move one vote from the winner to any other class: both the winner's lead over a class and that
    class's deficit change by one. A class before the winner wins a tie.
    """
    winner = found.argmax(1)  # of equals the first, as `argmax` does for a vote on a CPU
    most = found.gather(1, winner[:, None])
    before = torch.arange(found.shape[1], device=found.device) < winner[:, None]
    lead = most - found - before.long()
    lead.scatter_(1, winner[:, None], torch.iinfo(lead.dtype).max)
    return Certified(winner, lead.amin(1) // 2)
