"""The input and output of every attack: the attacker's knowledge, the plan of the poison, and a draft."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from core.attacks.algorithms.evasion import Filter
from core.attacks.algorithms.images import NoImages, ReadImages
from core.extractors.features import extract_on
from core.heads import logistic as head


@dataclass(frozen=True)
class Scene:
    """The attacker's knowledge: the extractor, the clean training set and the head's ridge, but no test data.

    Attributes:
        images: (n, C, H, W) float32 in [0, 1], multiples of 1/255; very many are read as they are indexed, and feature
            vectors have none.
        z: (n, d) float32 features of `images`.
        y: (n,) int64 labels.
        n_classes: c.
        ridge: λ of the head.
        clean_head: (c, d + 1) float64, the converged head of the clean training set.
        pipeline: f, from images (m, C, H, W) to features (m, d), differentiable in the images.
        digest: identifies f and the training images by content.
    """

    images: Tensor | ReadImages | NoImages
    z: Tensor
    y: Tensor
    n_classes: int
    ridge: float
    clean_head: Tensor
    pipeline: Callable[[Tensor], Tensor]
    digest: str

    @property
    def has_images(self) -> bool:
        """Whether the data are images, rather than feature vectors."""
        return not isinstance(self.images, NoImages)

    @cached_property
    def problem(self) -> head.HeadProblem:
        """The defender's problem on the clean training set alone."""
        return head.HeadProblem(head.with_ones(self.z), self.y, self.n_classes, self.ridge)

    @cached_property
    def box(self) -> tuple[Tensor, Tensor]:
        """(d,) lowest and (d,) highest value of each feature on the clean training set."""
        return self.z.amin(0), self.z.amax(0)

    def features(self, x: Tensor) -> Tensor:
        """Features (m, d) of images (m, C, H, W), as the evaluation will extract them."""
        return extract_on(self.pipeline, x, x.device)

    def retrained(self, z: Tensor, y: Tensor, start: Tensor | None = None) -> Tensor:
        """The converged head (c, d + 1) of the training set with poisoned samples added.

        Args:
            z: (m, d) their features.
            y: (m,) their labels.
            start: (c, d + 1) initial head; None: the clean head.
        """
        both = torch.cat([self.z.double(), z.double()])
        return head.fit(
            both, torch.cat([self.y, y]), self.n_classes, self.ridge, self.clean_head if start is None else start
        )


@dataclass(frozen=True)
class Feasible:
    """The feasible set of one run's constraint, as projections.

    Attributes:
        low, high: (d,) range of each coordinate on the clean training set, or None if features are free.
        delta: largest change of a pixel from its base image, or None.
        filter: the defence that the poison has to evade, or None.
    """

    low: Tensor | None
    high: Tensor | None
    delta: float | None
    filter: Filter | None = None

    @property
    def is_free(self) -> bool:
        """Whether there is no constraint at all."""
        return self.low is None

    def features(self, z: Tensor, y: Tensor) -> Tensor:
        """Feasible features (m, d) close to z (m, d), for labels y (m,): the nearest ones if there is no filter."""
        return self.features_(z.clone(), y)

    def features_(self, z: Tensor, y: Tensor) -> Tensor:
        """`features` in place, for z (m, d) and y (m,)."""
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
        Without a constraint, pixels may be any numbers and are unchanged.

        Args:
            x, base: (m, C, H, W) images and their base images.

        Returns:
            (m, C, H, W) images.
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
        label_for: (n,) int64 label that the rule gives to a poisoned sample made from each training point; -1
            if any wrong label is allowed (the random rule).
        seed: of the run, for all else that is random.
        any_label: whether the attacker may give any label to any base point (the chosen rule); `label_for` then
            holds the labels that harm most at the clean head.
    """

    base: Tensor
    y: Tensor
    feasible: Feasible
    label_for: Tensor
    seed: int = 0
    any_label: bool = False

    @property
    def n_poison(self) -> int:
        """m, the number of poisoned samples."""
        return len(self.base)

    def features_(self, zeta: Tensor) -> Tensor:
        """Make poisoned features (m, d) feasible under the poison's labels, in place."""
        return self.feasible.features_(zeta, self.y)


@dataclass(frozen=True)
class Draft:
    """The output of an attack, before the rules are enforced.

    Attributes:
        target: (c, d + 1) target parameters, if the attack has them.
        zeta: (m, d) poisoned features, if the attack has a stage 2.
        x: (m, C, H, W) images, if the attack makes them.
        base: (m,) base points, if they differ from the plan's; chosen by the label rule.
        y: (m,) labels, if other base points need other labels than the plan's.
        notes: named numbers to report with the result.
        target_index: of the tries that its events tell apart by `core.spec.events.Event.target`, the one that this is
            the result of.
    """

    target: Tensor | None = None
    zeta: Tensor | None = None
    x: Tensor | None = None
    base: Tensor | None = None
    y: Tensor | None = None
    notes: Mapping[str, float] = field(default_factory=dict)
    target_index: int = 0


@dataclass(frozen=True)
class Attacked:
    """The poison of a run with the rules enforced; the fields are those of `Draft`, with labels `y` (m,)."""

    y: Tensor
    base: Tensor
    target: Tensor | None
    zeta: Tensor | None
    x: Tensor | None
    notes: Mapping[str, float]
    target_index: int = 0
