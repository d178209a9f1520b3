"""What every attack is given and hands back: what the attacker knows, the plan of the poison, and a draft."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from core.attacks.algorithms.evasion import Filter
from core.extractors.features import extract
from core.heads import logistic as head


@dataclass(frozen=True)
class Scene:
    """All that the attacker knows: the extractor, the clean training set and the head's ridge. No test data.

    Attributes:
        images: (n, C, H, W) float32 in [0, 1], multiples of 1/255.
        z: (n, d) float32 features of `images`.
        y: (n,) int64.
        clean_head: (c, d + 1) float64, the converged head of the clean training set.
        pipeline: the whole f, differentiable in the images.
        digest: names f and the training images by content.
    """

    images: Tensor
    z: Tensor
    y: Tensor
    n_classes: int
    ridge: float
    clean_head: Tensor
    pipeline: Callable[[Tensor], Tensor]
    digest: str

    @cached_property
    def problem(self) -> head.HeadProblem:
        """The defender's problem on the clean training set alone."""
        return head.HeadProblem(head.with_ones(self.z), self.y, self.n_classes, self.ridge)

    @cached_property
    def box(self) -> tuple[Tensor, Tensor]:
        """(d,) lowest and (d,) highest value of each feature on the clean training set."""
        return self.z.amin(0), self.z.amax(0)

    def features(self, x: Tensor) -> Tensor:
        """Features (m, d) of images (m, C, H, W), as the judge will extract them."""
        return torch.from_numpy(extract(self.pipeline, x.cpu().numpy(), x.device)).to(x.device)

    def retrained(self, z: Tensor, y: Tensor, start: Tensor | None = None) -> Tensor:
        """The converged head (c, d + 1) with poisoned features z (m, d) and labels y (m,) added."""
        both = torch.cat([self.z.double(), z.double()])
        return head.fit(
            both, torch.cat([self.y, y]), self.n_classes, self.ridge, self.clean_head if start is None else start
        )


@dataclass(frozen=True)
class Feasible:
    """The feasible set of one run's constraint, as projections.

    Attributes:
        low, high: (d,) each coordinate's range on the clean training set, or None where features are free.
        delta: most change of a pixel from its base image, or None.
        filter: the defence that the poison has to pass, or None.
    """

    low: Tensor | None
    high: Tensor | None
    delta: float | None
    filter: Filter | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is checked at all."""
        return self.low is None

    def features(self, z: Tensor, y: Tensor) -> Tensor:
        """Feasible feature vectors near z (m, d), for labels y (m,): the nearest ones where there is no filter."""
        return self.features_(z.clone(), y)

    def features_(self, z: Tensor, y: Tensor) -> Tensor:
        """The same in place."""
        self._boxed_(z)
        return z if self.filter is None else self.filter.project_(z, y, self._boxed_)

    def _boxed_(self, z: Tensor) -> Tensor:
        if self.low is None or self.high is None:
            return z
        return torch.clamp(z, self.low.to(z), self.high.to(z), out=z)

    def pixels(self, x: Tensor, base: Tensor) -> Tensor:
        """The nearest feasible images to x (m, C, H, W), for base images of the same shape."""
        if self.is_free:
            return x
        if self.delta is not None:
            x = torch.minimum(torch.maximum(x, base - self.delta), base + self.delta)
        return x.clamp(0.0, 1.0)

    def eight_bit(self, x: Tensor, base: Tensor) -> Tensor:
        """The nearest feasible images with 8-bit pixels: integers over 255, within δ after rounding.

        Rounding alone could leave the δ-ball by half a grey level, so the ball is first shrunk to the grid.
        Where nothing is checked, pixels are any numbers and stay what they are.
        """
        if self.is_free:
            return x
        grey = torch.round(x.clamp(0.0, 1.0) * 255.0)
        if self.delta is not None:
            reach = int(self.delta * 255.0 + 1e-6)
            centre = torch.round(base * 255.0)
            grey = torch.minimum(torch.maximum(grey, centre - reach), centre + reach).clamp(0.0, 255.0)
        return grey / 255.0


@dataclass(frozen=True)
class Plan:
    """The poison that a run starts from.

    Attributes:
        base: (m,) int64 rows of the base points in the training set.
        y: (m,) int64 labels of the poison.
        feasible: the constraint.
        label_for: (n,) int64 label that the rule gives a poison made from each training point; -1 where
            any wrong label will do (the random rule).
        seed: of the run, for whatever else is random.
    """

    base: Tensor
    y: Tensor
    feasible: Feasible
    label_for: Tensor
    seed: int = 0

    @property
    def n_poison(self) -> int:
        """m."""
        return len(self.base)

    def features_(self, zeta: Tensor) -> Tensor:
        """Make poisoned features (m, d) feasible under the poison's labels, in place."""
        return self.feasible.features_(zeta, self.y)


@dataclass(frozen=True)
class Draft:
    """What an attack hands back, before the rules are enforced.

    Attributes:
        target: (c, d + 1) target parameters, where the attack has them.
        zeta: (m, d) poisoned features, where the attack has a stage 2.
        x: (m, C, H, W) images, where the attack makes them.
        base: (m,) other base points than the plan's, where the attack chose them by the label rule.
        y: (m,) other labels than the plan's, where other base points ask for them.
        notes: named numbers to report beside the result.
    """

    target: Tensor | None = None
    zeta: Tensor | None = None
    x: Tensor | None = None
    base: Tensor | None = None
    y: Tensor | None = None
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Attacked:
    """The poison of a run with the rules enforced; the fields are those of `Draft`, with labels `y` (m,)."""

    y: Tensor
    base: Tensor
    target: Tensor | None
    zeta: Tensor | None
    x: Tensor | None
    notes: Mapping[str, float]
