"""Poison that evades a defence that the attacker expects (after Koh, Steinhardt, Liang 2018).

The attacker fits the defence's own score function to the clean training set and keeps every poisoned sample below a
limit for its class. Score functions are convex in the features, and so is the set of points that pass: it can be
projected onto, and the mean of points that pass also passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.defences.algorithms.base import ScoreFunction, TrainingSet
from core.defences.execution import suspicion_by_label
from core.defences.settings import SHARE

TOLERANCE = 1e-4
"""Excess that counts as 0: suspicion is of order 1, and the defender gets features rounded to float32."""
PROJECTED = 1e-6
"""Largest excess after a projection."""
SPARE = 1
"""Clean points above the limit of a class beyond those that the defender removes, since poison shifts scores."""
ROUNDS = 30
"""Maximum number of steps of a projection."""
SAFE = 0.02
"""Margin below the limit, as a share of the way to the anchor's suspicion, in which images are already steered back."""
HALVINGS = 7
"""Bisection steps between a base image and one that fails: to a hundredth of the way."""


@dataclass(frozen=True)
class Filter:
    """A defence as the attacker expects it.

    Attributes:
        score: its score function, fitted to the clean training set.
        limits: (c,) largest suspicion that passes, by label; infinite for labels without clean points.
        anchors: (c, d) float64, for every other label a point that passes: the mean of the clean points that do.
        clean: (n, c) excess of each clean training point under each label, held out where the defence holds it out.
    """

    score: ScoreFunction
    limits: Tensor
    anchors: Tensor
    clean: Tensor

    @classmethod
    def fit(cls, name: str, data: TrainingSet, n_poison: int) -> "Filter":
        """Fit a defence to the clean training set.

        The defender removes the share `SHARE` of a class, which consists of its clean points and up to all of the
        poison. The limit leaves that many clean points above it, so that they are removed and the poison is kept.

        Args:
            name: of the defence.
            data: the clean training set.
            n_poison: m.
        """
        score, suspicion = suspicion_by_label(name, data)
        limits = suspicion.new_full((data.n_classes,), torch.inf)
        anchors = suspicion.new_zeros(data.n_classes, data.z.shape[1])
        for rows in data.classes():
            label = data.y[rows[0]]
            own = suspicion[rows, label]
            above = min(round(SHARE * (len(rows) + n_poison)) + SPARE, len(rows) - 1)
            by_score = score(data.z, torch.full_like(data.y, int(label)))[rows]
            # What holds points out may say otherwise than the score function: one point at least has to pass by it.
            limits[label] = torch.maximum(own.sort(descending=True).values[above], by_score.min())
            anchors[label] = data.z[rows[by_score <= limits[label]]].double().mean(0)
        return cls(score, limits, anchors, suspicion - limits)

    def excess(self, z: Tensor, y: Tensor) -> Tensor:
        """(m,) suspicion of features (m, d) with labels (m,), minus the limit of the label; convex in the features."""
        return self.score(z, y) - self.limits[y]

    def passes(self, z: Tensor, y: Tensor) -> Tensor:
        """(m,) bool: whether features (m, d) with labels (m,) pass."""
        return self.excess(z, y) <= TOLERANCE

    def slope(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The excess (m,) of features (m, d) with labels (m,), and a subgradient of it (m, d)."""
        leaf = z.detach().double().requires_grad_()
        excess = self.excess(leaf, y)
        (gradient,) = torch.autograd.grad(excess.sum(), leaf)
        return excess.detach(), gradient

    def project_(self, z: Tensor, y: Tensor, within_: Callable[[Tensor], Tensor] = lambda z: z) -> Tensor:
        """Move features that fail to where they pass, in place; the others are unchanged.

        Polyak steps to the zero of the linearised excess, which is the nearest passing point for `sphere` and `svd` and
        converges from outside for other defences; each is followed by the other constraint. Points that fail after
        `ROUNDS` steps are moved towards their anchor: by convexity excess / (excess - excess_anchor) of the way at
        most.

        Args:
            z: (m, d) float64 features.
            y: (m,) labels.
            within_: projects (m, d) features in place onto another convex constraint, which all clean points satisfy.

        Returns:
            z.
        """
        for _ in range(ROUNDS):
            excess, slope = self.slope(z, y)
            fails = excess > PROJECTED
            if not bool(fails.any()):
                return z
            z -= torch.where(fails, excess / slope.square().sum(1), 0.0)[:, None] * slope
            within_(z)
        excess, anchor = self.excess(z, y), self.anchors[y]
        inside = self.excess(anchor, y).clamp_max(0.0)
        back = torch.where(excess > PROJECTED, excess / (excess - inside), 0.0)
        return z.lerp_(anchor, back[:, None])

    def steer(self, z: Tensor, y: Tensor, direction: Tensor) -> Tensor:
        """Ascent directions (m, d), replaced by the descent direction of the excess for points that (nearly) fail.

        Replaced ones have the mean length of the others, so that an optimiser's running averages keep their scale.

        Args:
            z: (m, d) features.
            y: (m,) labels.
            direction: (m, d) ascent directions of the attack.
        """
        excess, slope = self.slope(z, y)
        inwards = -slope * (direction.norm(dim=1).mean() / slope.norm(dim=1, keepdim=True).clamp_min(1e-30))
        close = SAFE * self.excess(self.anchors[y], y)
        return torch.where((excess > close)[:, None], inwards.to(direction.dtype), direction)

    def order_by_passing(self, order: Tensor, y: Tensor) -> Tensor:
        """(k,) permutation of `order`, training points (k,) with labels (k,): those that pass first, then by excess."""
        return self.clean[order, y].clamp_min(0.0).argsort(stable=True)

    def retreat_to_base(
        self,
        x: Tensor,
        base: Tensor,
        y: Tensor,
        export: Callable[[Tensor, Tensor], Tensor],
        features: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Images, with those that fail replaced by images between them and their base images.

        A replacement is the passing image farthest from the base that bisection finds; if not even the base image
        passes, it is the one of the two with less excess.

        Args:
            x: (m, C, H, W) exported images.
            base: (m, C, H, W) base images.
            y: (m,) labels.
            export: from pixels and base images to exported images, (m, C, H, W) each; see `Feasible.eight_bit`.
            features: from images to features (m, d), as the defender will extract them.

        Returns:
            (m, C, H, W) exported images.
        """
        rows = torch.nonzero(~self.passes(features(x), y)).flatten()
        if not len(rows):
            return x
        far, near, label = x[rows], base[rows], y[rows]
        nearer = self.excess(features(near), label) <= self.excess(features(far), label)
        best = torch.where(nearer[:, None, None, None], near, far)
        low, high = (torch.full((len(rows), 1, 1, 1), end, device=x.device) for end in (0.0, 1.0))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            candidate = export(near + middle * (far - near), near)
            passes = self.passes(features(candidate), label)[:, None, None, None]
            best, low = torch.where(passes, candidate, best), torch.where(passes, middle, low)
            high = torch.where(passes, high, middle)
        x = x.clone()
        x[rows] = best
        return x
