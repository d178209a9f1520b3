"""Randomised smoothing against flipped labels (Rosenfeld et al. 2020), for the converged logistic head.

Each training label is kept with probability 1 - q, and is else one of the others, uniformly; the smoothed classifier
answers what the head trained on such labels answers most often. If an attacker flips r labels, only the r coordinates
of the noise that they changed tell the two worlds apart. Their likelihood ratio takes the values rho^s, with

    rho = (1 - q) (c - 1) / q,     s in {-r, ..., r},

the sum of r independent steps: +1 with probability 1 - q, -1 with q / (c - 1), else 0. So the least probability that
an answer can have in the attacked world follows exactly from Neyman and Pearson (ours; the paper bounds it by the
Kullback-Leibler divergence, which certifies less), and the largest likewise: for any number of classes an answer is
certain while its least probability exceeds the largest of every other answer.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import beta
from torch import Tensor

from core.attacks.algorithms.implicit import DAMPING, damage
from core.certificates.certificate import Noise
from core.certificates.partitions import TOLERANCE, Certified, counted
from core.heads import logistic as head
from core.heads.batched import fit_many

CONFIDENCE = 0.999
"""That all of one image's probabilities lie within their bounds."""


def noisy(y: Tensor, n_classes: int, noise: Noise) -> Tensor:
    """(B, N) labels: each of y (N,) kept with probability 1 - q, else one of the others."""
    draw = torch.Generator().manual_seed(noise.seed)
    shape = (noise.heads, len(y))
    flips = torch.rand(shape, generator=draw) < noise.q
    shift = torch.randint(1, n_classes, shape, generator=draw)
    return torch.where(flips.to(y.device), (y + shift.to(y.device)) % n_classes, y)


def votes(z: Tensor, y: Tensor, test_z: Tensor, n_classes: int, noise: Noise) -> Tensor:
    """(T, c) int64: for how many of the heads each class of test features (T, d) wins.

    Args:
        z, y: training set (N, d), (N,).

    Raises:
        NotConverged: see `core.heads.batched.fit_many`.
    """
    labels = noisy(y, n_classes, noise)
    # All labels are drawn alike, so that one head is near to the others.
    start = head.fit(z, labels[0], n_classes, noise.ridge)
    return counted(fit_many(z, labels, n_classes, noise.ridge, start=start, tol=TOLERANCE), test_z)


def harmful(z: Tensor, y: Tensor, n_classes: int, ridge: float, theta: Tensor, flips: int) -> Tensor:
    """(N,) labels of which as many are flipped as an attacker may: those that raise the damage most, to first order.

    Args:
        theta: (c, d + 1) the head converged on the true labels.
    """
    problem = head.HeadProblem(head.with_ones(z), y, n_classes, ridge)
    _, outer = damage(theta, problem.z, y)
    _, curvature = problem.gradient(theta)
    q = head.conjugate_gradients(lambda v: curvature(v) + DAMPING * v, outer, tol=1e-6)
    # The gradients of a point under two labels differ by its features alone.
    pull = problem.z @ q.T
    gain = pull - pull.gather(1, y[:, None])
    gain.scatter_(1, y[:, None], -torch.inf)
    most, label = gain.max(1)
    rows = most.topk(flips).indices
    return y.index_put((rows,), label[rows])


def certify(found: Tensor, q: float, most: int) -> Certified:
    """What votes (T, c) make certain, each image with `CONFIDENCE`.

    Args:
        q: of the noise.
        most: flipped labels beyond which nobody asks.

    Returns:
        Radii are -1 where not even the winner of the vote is certain.
    """
    counts = found.cpu().numpy()
    total, n_classes = int(counts[0].sum()), counts.shape[1]
    winner = counts.argmax(1)
    others = counts.copy()
    others[np.arange(len(counts)), winner] = -1
    low, high = bounds(counts.max(1), total, n_classes)[0], bounds(others.max(1), total, n_classes)[1]
    radius = np.full(len(counts), -1)
    for flips in range(most + 1):
        # What is certain for more flips is so for fewer.
        certain = (radius == flips - 1) & (least(low, flips, q, n_classes) > 1 - least(1 - high, flips, q, n_classes))
        if not certain.any():
            break
        radius[certain] = flips
    place = found.device
    return Certified(torch.from_numpy(winner).to(place), torch.from_numpy(radius).to(place))


def bounds(counts: NDArray[np.int64], total: int, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper and Pearson's bounds of probabilities; those of all classes hold at once with `CONFIDENCE`."""
    alpha = (1 - CONFIDENCE) / (2 * n_classes)
    low = np.where(counts > 0, beta.ppf(alpha, counts, total - counts + 1), 0.0)
    high = np.where(counts < total, beta.ppf(1 - alpha, counts + 1, total - counts), 1.0)
    return low, high


def least(p: NDArray[np.float64], flips: int, q: float, n_classes: int) -> NDArray[np.float64]:
    """The least probability, after so many flips, of an event that has probability p before them."""
    before, after = _cumulated(flips, q, n_classes)
    # Of outcomes with one ratio any part may belong to the event: between two of them it is a line.
    return np.interp(p, before, after)


@lru_cache(maxsize=1024)
def _cumulated(flips: int, q: float, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities of the likeliest outcomes before the flips, from none to all, in either world."""
    before = _sum_of_steps(flips, q, n_classes)
    # In the attacked world a step up is as likely as a step down was.
    after = before[::-1]
    return np.append(0.0, before[::-1].cumsum()), np.append(0.0, after[::-1].cumsum())


@lru_cache(maxsize=1024)
def _sum_of_steps(flips: int, q: float, n_classes: int) -> NDArray[np.float64]:
    """(2 flips + 1,) probabilities of the sums -flips, ..., flips."""
    if flips == 0:
        return np.ones(1)
    down = q / (n_classes - 1)
    return np.convolve(_sum_of_steps(flips - 1, q, n_classes), [down, q - down, 1 - q])
