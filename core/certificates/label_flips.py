"""Randomised smoothing against flipped labels (Rosenfeld et al. 2020), for the converged logistic head.

Each training label is kept with probability 1 - q, and replaced by one of the others, uniformly, otherwise; the
smoothed classifier predicts what the head trained on such labels predicts most often. If an attacker flips r labels,
the two distributions differ only in these r coordinates. Their likelihood ratio takes the values rho^s, with

    rho = (1 - q) (c - 1) / q,     s in {-r, ..., r},

the sum of r independent steps: +1 with probability 1 - q, -1 with q / (c - 1), else 0. The Neyman-Pearson lemma thus
gives the exact least probability that a prediction can have after the attack (ours; the paper bounds it by the
Kullback-Leibler divergence, which certifies less), and the largest likewise: for any number of classes, a prediction is
certified while its least probability exceeds the largest of every other class.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor

from core.attacks.algorithms.implicit import DAMPING
from core.attacks.algorithms.outer import ALIKE
from core.certificates.certificate import Noise
from core.certificates.partitions import TOLERANCE, Certified, counted
from core.heads import logistic as head
from core.heads.batched import fit_many

CONFIDENCE = 0.999
"""Probability that all bounds of one image hold."""


def noisy(y: Tensor, n_classes: int, noise: Noise) -> Tensor:
    """Noisy labels (B, N): each label is kept with probability 1 - q, else replaced by one of the others.

    Args:
        y: (N,) labels.
        n_classes: c.
        noise: with q, seed and the number B of heads.
    """
    draw = torch.Generator().manual_seed(noise.seed)
    shape = (noise.heads, len(y))
    flips = torch.rand(shape, generator=draw) < noise.q
    shift = torch.randint(1, n_classes, shape, generator=draw)
    return torch.where(flips.to(y.device), (y + shift.to(y.device)) % n_classes, y)


def votes(z: Tensor, y: Tensor, test_z: Tensor, n_classes: int, noise: Noise) -> Tensor:
    """(T, c) int64: the number of heads that predict each class for each test point.

    Args:
        z, y: training set (N, d), (N,).
        test_z: (T, d) test features.
        n_classes: c.
        noise: distribution of the labels, and the number of heads.

    Raises:
        NotConverged: see `core.heads.batched.fit_many`.
    """
    labels = noisy(y, n_classes, noise)
    # All labels have the same distribution, so that one head is a good start for the others.
    start = head.fit(z, labels[0], n_classes, noise.ridge)
    return counted(fit_many(z, labels, n_classes, noise.ridge, start=start, tol=TOLERANCE), test_z)


def harmful(z: Tensor, y: Tensor, n_classes: int, ridge: float, theta: Tensor, flips: int) -> Tensor:
    """(N,) labels with those flipped that increase the damage most, to first order.

    Args:
        z, y: training set (N, d), (N,).
        n_classes: c.
        ridge: λ of the head.
        theta: (c, d + 1) the head converged on the true labels.
        flips: number of labels to flip.
    """
    problem = head.HeadProblem(head.with_ones(z), y, n_classes, ridge)
    place = problem.at(theta)
    curvature = place.curvature
    _, outer = ALIKE(place.logits, problem.z, y)
    q = head.conjugate_gradients(lambda v: curvature(v) + DAMPING * v, outer, tol=1e-6)
    # The gradients of a point under two labels differ by its features, in the rows of the two labels.
    score = problem.z @ q.T
    gain = score - score.gather(1, y[:, None])
    gain.scatter_(1, y[:, None], -torch.inf)
    most, label = gain.max(1)
    rows = most.topk(flips).indices
    return y.index_put((rows,), label[rows])


def certify(counts: Tensor, q: float, max_flips: int) -> Certified:
    """The certified predictions of a vote, each image with `CONFIDENCE`.

    Args:
        counts: (T, c) votes.
        q: of the noise.
        max_flips: largest number of flipped labels to consider.

    Returns:
        Radii are -1 where not even the prediction without flips is certain.
    """
    votes_for = counts.cpu().numpy()
    total, n_classes = int(votes_for[0].sum()), votes_for.shape[1]
    winner = votes_for.argmax(1)
    others = votes_for.copy()
    others[np.arange(len(votes_for)), winner] = -1
    low, high = bounds(votes_for.max(1), total, n_classes)[0], bounds(others.max(1), total, n_classes)[1]
    radius = np.full(len(votes_for), -1)
    for flips in range(max_flips + 1):
        # What is certified for more flips is also certified for fewer.
        certified = (radius == flips - 1) & (least(low, flips, q, n_classes) > 1 - least(1 - high, flips, q, n_classes))
        if not certified.any():
            break
        radius[certified] = flips
    place = counts.device
    return Certified(torch.from_numpy(winner).to(place), torch.from_numpy(radius).to(place))


def bounds(counts: NDArray[np.int64], total: int, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper Clopper-Pearson bounds, (T,) each; those of all classes hold jointly with `CONFIDENCE`.

    Args:
        counts: (T,) votes, -1 or more.
        total: number of heads that vote.
        n_classes: c.
    """
    alpha = (1 - CONFIDENCE) / (2 * n_classes)
    low = np.where(counts > 0, betaincinv(counts, total - counts + 1, alpha), 0.0)
    high = np.where(counts < total, betaincinv(counts + 1, total - counts, 1 - alpha), 1.0)
    return low, high


def least(p: NDArray[np.float64], flips: int, q: float, n_classes: int) -> NDArray[np.float64]:
    """(T,) least probability after label flips of events with known probability before.

    Args:
        p: (T,) probabilities before the flips.
        flips: number of flipped labels.
        q: of the noise.
        n_classes: c.
    """
    before, after = _cumulated(flips, q, n_classes)
    # Any part of the outcomes with equal ratio may belong to the event: interpolate linearly between ratios.
    return np.interp(p, before, after)


@lru_cache(maxsize=1024)
def _cumulated(flips: int, q: float, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(2 flips + 2,) cumulated probabilities of outcomes by likelihood ratio, before and after the flips."""
    before = _sum_of_steps(flips, q, n_classes)
    # After the flips, the probabilities of steps up and down are exchanged.
    after = before[::-1]
    return np.append(0.0, before[::-1].cumsum()), np.append(0.0, after[::-1].cumsum())


@lru_cache(maxsize=1024)
def _sum_of_steps(flips: int, q: float, n_classes: int) -> NDArray[np.float64]:
    """(2 flips + 1,) probabilities of the sums -flips, ..., flips."""
    if flips == 0:
        return np.ones(1)
    down = q / (n_classes - 1)
    return np.convolve(_sum_of_steps(flips - 1, q, n_classes), [down, q - down, 1 - q])
