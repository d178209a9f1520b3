"""Poison that passes a filter: the attacker expects one of the defences (after Koh, Steinhardt, Liang 2018).

The attacker fits the defence's own score function to the clean training set, which is all that they know, and
keeps every poisoned sample below a limit of its class. Score functions are convex in the features, and so is what
passes: it can be projected onto, and the mean of points that pass is a point that passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.defences.algorithms.base import ScoreFunction, TrainingSet
from core.defences.execution import score_function
from core.defences.settings import SHARE

TOLERANCE = 1e-4
"""An excess that counts as none: suspicion is of order 1, and features become float32 on their way to the defender."""
PROJECTED = 1e-6
"""The excess that a projection leaves at most."""
SPARE = 1
"""Clean points of a class above its limit beyond those that the defender removes: poison moves the scores a little."""
ROUNDS = 30
"""Most steps of a projection; what is left of them is a matter of the last digits."""
SAFE = 0.02
"""Part of the way from the limit to the anchor's suspicion in which images are steered back already: they hover."""
HALVINGS = 7
"""Of the way from a base image to an image that fails: to a hundredth of it."""


@dataclass(frozen=True)
class Filter:
    """A defence as the attacker expects it.

    Attributes:
        score: the defence's own, fitted to the clean training set.
        limits: (c,) most suspicion that passes, by label; infinite for a label of no clean point.
        anchors: (c, d) float64, for each other label a point that passes: the mean of the clean ones that do.
        clean: (n, c) excess of each clean training point under each label.
    """

    score: ScoreFunction
    limits: Tensor
    anchors: Tensor
    clean: Tensor

    @classmethod
    def fit(cls, name: str, data: TrainingSet, n_poison: int) -> "Filter":
        """Fit to the clean training set.

        Of a class of k clean points and the poison, all of which may have its label, the defender removes the share
        `SHARE`. The limit leaves as many clean points above it, so that these go and the poison stays.
        """
        score = score_function(name)(data)
        suspicion = torch.stack([score(data.z, torch.full_like(data.y, i)) for i in range(data.n_classes)], dim=1)
        limits = suspicion.new_full((data.n_classes,), torch.inf)
        anchors = suspicion.new_zeros(data.n_classes, data.z.shape[1])
        for rows in data.classes():
            label = data.y[rows[0]]
            own = suspicion[rows, label]
            above = min(round(SHARE * (len(rows) + n_poison)) + SPARE, len(rows) - 1)
            limits[label] = own.sort(descending=True).values[above]
            anchors[label] = data.z[rows[own <= limits[label]]].double().mean(0)
        return cls(score, limits, anchors, suspicion - limits)

    def excess(self, z: Tensor, y: Tensor) -> Tensor:
        """(m,) suspicion of features (m, d) with labels (m,) above the limit of the label; convex in the features."""
        return self.score(z, y) - self.limits[y]

    def passes(self, z: Tensor, y: Tensor) -> Tensor:
        """(m,) bool."""
        return self.excess(z, y) <= TOLERANCE

    def slope(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The excess (m,) and a subgradient of it (m, d)."""
        leaf = z.detach().double().requires_grad_()
        excess = self.excess(leaf, y)
        (gradient,) = torch.autograd.grad(excess.sum(), leaf)
        return excess.detach(), gradient

    def project_(self, z: Tensor, y: Tensor, within_: Callable[[Tensor], Tensor] = lambda z: z) -> Tensor:
        """Move features (m, d) float64 that fail to where they pass, in place; the others stay.

        Polyak's steps: to the zero of the excess as the subgradient foretells it, which is the nearest point that
        passes for `sphere` and `svd`, and comes ever closer from outside for the others. Each is followed by the other
        constraint. What is not there after `ROUNDS` steps goes towards its anchor: by convexity not farther than
        excess_anchor / (excess_anchor - excess).

        Args:
            within_: projects onto another convex constraint, which holds for all clean points, in place.
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

    def steer(self, z: Tensor, y: Tensor, ahead: Tensor) -> Tensor:
        """The ascent direction `ahead` (m, d), but for features (m, d) that (nearly) fail that in which excess falls.

        It is as long as the others are on average, so that an optimiser's running moments see no other scale.
        """
        excess, slope = self.slope(z, y)
        inwards = -slope * (ahead.norm(dim=1).mean() / slope.norm(dim=1, keepdim=True).clamp_min(1e-30))
        close = SAFE * self.excess(self.anchors[y], y)
        return torch.where((excess > close)[:, None], inwards.to(ahead.dtype), ahead)

    def order_by_passing(self, order: Tensor, y: Tensor) -> Tensor:
        """Places in an order of training points (k,) with labels (k,): those that pass, then by least excess."""
        return self.clean[order, y].clamp_min(0.0).argsort(stable=True)

    def retreat_to_base(
        self,
        x: Tensor,
        base: Tensor,
        y: Tensor,
        export: Callable[[Tensor, Tensor], Tensor],
        features: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Exported images (m, C, H, W), but for those that fail others between them and their base images.

        Of each the one farthest from its base that passes, as far as halving the way finds it; where not even the base
        image passes, whichever of the two has less excess.

        Args:
            export: from pixels, and base images, to images that may be exported; see `Feasible.eight_bit`.
            features: of images, as the defender will extract them.
        """
        rows = torch.nonzero(~self.passes(features(x), y)).flatten()
        if not len(rows):
            return x
        far, near, label = x[rows], base[rows], y[rows]
        nearer = self.excess(features(near), label) <= self.excess(features(far), label)
        found = torch.where(nearer[:, None, None, None], near, far)
        low, high = (torch.full((len(rows), 1, 1, 1), end, device=x.device) for end in (0.0, 1.0))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            tried = export(near + middle * (far - near), near)
            passes = self.passes(features(tried), label)[:, None, None, None]
            found, low = torch.where(passes, tried, found), torch.where(passes, middle, low)
            high = torch.where(passes, high, middle)
        x = x.clone()
        x[rows] = found
        return x
