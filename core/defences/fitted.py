"""Defences that train heads to see which points do not fit."""

from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from core.defences.base import Defence, Gauge, Gauged, TrainingSet, Verdict, losses
from core.heads import logistic as head

MOST_FITS = 30


class LossDefence(Gauged):
    """The loss of each point under the head trained with all."""

    def gauge(self, data: TrainingSet) -> Gauge:
        """Losses."""
        return partial(losses, data.fit())


class TrimDefence(Defence):
    """Train, keep the points with the smallest losses, and so on; the trimmed loss never rises."""

    def judge(self, data: TrainingSet) -> Verdict:
        """Until the same points are kept twice."""
        n_kept = len(data.y) - round(self.spec.share * len(data.y))
        theta = data.fit()
        kept = _easiest(data.losses(theta), n_kept)
        for _ in range(MOST_FITS):
            theta = data.fit(kept, theta)
            again = _easiest(data.losses(theta), n_kept)
            if torch.equal(again, kept):
                break
            kept = again
        keep = torch.zeros(len(data.y), dtype=torch.bool, device=data.y.device)
        keep[kept] = True
        return Verdict(keep, data.losses(theta))


def _easiest(losses: Tensor, count: int) -> Tensor:
    return losses.topk(count, largest=False).indices.sort().values


class SeverDefence(Defence):
    """Outliers among the gradients of a class: far along the direction in which they vary most.

    The gradient of a point in theta is its error (c,) times its features (d + 1,). These N c (d + 1) numbers are never
    written down: the singular vector comes from products with them.
    """

    def judge(self, data: TrainingSet) -> Verdict:
        """Round by round, each with a head of what is kept."""
        keep = torch.ones(len(data.y), dtype=torch.bool, device=data.y.device)
        suspicion = torch.zeros(len(data.y), dtype=torch.float64, device=data.y.device)
        theta: Tensor | None = None
        for done in range(self.spec.rounds):
            rows = torch.nonzero(keep).flatten()
            left = TrainingSet(data.z[rows], data.y[rows], data.n_classes, data.ridge)
            theta = left.fit(start=theta)
            score = gradient_outliers(left, theta)
            # In [0, 1] of what stays; above it of what goes, the earlier the more.
            suspicion[rows] = score / score.max().clamp_min(1e-300)
            for members in data.classes():
                here = members[keep[members]]
                # By the end of round r the class has lost r parts of the share, however few its points are.
                quota = round(self.spec.share * len(members) * (done + 1) / self.spec.rounds)
                gone = here[suspicion[here].topk(quota - (len(members) - len(here))).indices]
                suspicion[gone] += self.spec.rounds - done
                keep[gone] = False
        return Verdict(keep, suspicion)


def gradient_outliers(data: TrainingSet, theta: Tensor) -> Tensor:
    """(N,) squared projection of each point's centred gradient on the first singular direction of its class."""
    z1 = head.with_ones(data.z)
    residual = head.errors(torch.softmax(z1 @ theta.T, dim=1), data.y)
    found = torch.zeros(len(data.y), dtype=torch.float64, device=data.y.device)
    for rows in data.classes():
        if len(rows) > 1:
            found[rows] = _first_direction(residual[rows], z1[rows])
    return found


def _first_direction(residual: Tensor, z1: Tensor) -> Tensor:
    """(k,) squared projections of the rows residual_i ⊗ z1_i, less their mean, on their first singular vector."""
    k, c, width = len(z1), residual.shape[1], z1.shape[1]
    mean = residual.T @ z1 / k

    def project(v: Any) -> Any:
        direction = torch.as_tensor(np.ravel(v), dtype=torch.float64, device=z1.device).reshape(c, width)
        along = (residual * (z1 @ direction.T)).sum(1) - (mean * direction).sum()
        return along.cpu().numpy()

    def pull(u: Any) -> Any:
        weights = torch.as_tensor(np.ravel(u), dtype=torch.float64, device=z1.device)
        back = (residual * weights[:, None]).T @ z1 - weights.sum() * mean
        return back.flatten().cpu().numpy()

    gradients = LinearOperator((k, c * width), matvec=project, rmatvec=pull, dtype=np.float64)
    # Drawn, not constant: to the centred rows a constant vector is nothing.
    start = np.random.default_rng(0).standard_normal(min(k, c * width))
    u, s, _ = svds(gradients, k=1, v0=start)
    return torch.as_tensor(np.square(u[:, 0] * s[0]), device=z1.device)


class LabelIssuesDefence(Defence):
    """cleanlab's confident learning on probabilities that heads give points which they were not trained on."""

    def judge(self, data: TrainingSet) -> Verdict:
        """Cross-validate, then ask cleanlab."""
        from cleanlab.filter import find_label_issues  # with it comes much that nothing else needs
        from cleanlab.rank import get_label_quality_scores

        # cleanlab wants every class to be there, as one that another defence has removed is not.
        there, labels = np.unique(data.y.cpu().numpy(), return_inverse=True)
        p = held_out_probabilities(data, self.spec.folds)[:, there]
        p /= p.sum(1, keepdims=True)
        issues = find_label_issues(labels=labels, pred_probs=p, n_jobs=1)  # a worker may start no processes
        quality = get_label_quality_scores(labels=labels, pred_probs=p)
        keep = torch.as_tensor(~issues, device=data.y.device)
        return Verdict(keep, torch.as_tensor(1.0 - quality, dtype=torch.float64, device=data.y.device))


def held_out_probabilities(data: TrainingSet, folds: int) -> Any:
    """(N, c) NumPy: each point by a head of the other folds; a row's fold is its place modulo their number."""
    fold = torch.arange(len(data.y), device=data.y.device) % folds
    p = torch.zeros(len(data.y), data.n_classes, dtype=torch.float64, device=data.y.device)
    theta: Tensor | None = None
    for one in range(folds):
        theta = data.fit(torch.nonzero(fold != one).flatten(), theta)
        p[fold == one] = torch.softmax(head.logits(theta, data.z[fold == one]), dim=1)
    return p.cpu().numpy()
