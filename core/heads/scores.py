"""The scores of heads on a test set, and the reachability of target parameters. Without torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.system.finite_json import number

UNEVEN = 1.5
"""Classes are uneven if the largest has more than this many times the images of the smallest, and over one more."""


@dataclass(frozen=True)
class Score:
    """The score of one head on the test set.

    Attributes:
        accuracy: fraction in [0, 1] of all test images.
        per_class: the same for each of the c classes; NaN for a class without test images, which earlier versions drew.
        confusion: (c, c) confusion matrix, counts by true (row) and predicted class (column); None if not recorded.
        lost, gained: test images that only the clean head classifies correctly, and that only this head does; None
            for the clean head itself, and if not recorded.
    """

    accuracy: float
    per_class: list[float]
    confusion: list[list[int]] | None = None
    lost: int | None = None
    gained: int | None = None

    @classmethod
    def from_json(cls, score: Mapping[str, Any]) -> "Score":
        """Read a score of this version or an earlier one.

        Raises:
            KeyError: an accuracy is missing.
        """
        return cls(**{**score, "per_class": [number(value) for value in score["per_class"]]})

    @property
    def balanced(self) -> float:
        """Balanced accuracy in [0, 1]: the mean accuracy of the classes, each of which counts the same."""
        known = [value for value in self.per_class if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    @property
    def class_sizes(self) -> list[int] | None:
        """(c,) number of test images of each class; None if the confusion matrix is not recorded."""
        return None if self.confusion is None else [sum(row) for row in self.confusion]

    @property
    def is_uneven(self) -> bool:
        """Whether classes differ so much in size that `balanced` has to stand beside `accuracy`; see `UNEVEN`."""
        sizes = self.class_sizes
        return sizes is not None and max(sizes) > UNEVEN * min(sizes) and max(sizes) - min(sizes) > 1


@dataclass(frozen=True)
class Reachability:
    """How far a budget suffices to reach one target: see `core.heads.reachability`.

    Attributes:
        budget: the run's epsilon.
        tau: threshold of the loss alone; None if no budget is enough.
        tau_ridge: threshold with the ridge term.
        certificate: a budget below which no poison with features in the clean range reaches the target; None
            if features are free.
        residual: norm of the gradient that the run's poison leaves at the target.
        floor: pairs (budget, lower bound of the residual with free features), on a grid of budgets.
    """

    budget: float
    tau: float | None
    tau_ridge: float | None
    certificate: float | None
    residual: float
    floor: list[tuple[float, float]]

    @property
    def least_budget(self) -> float | None:
        """The smallest budget that is not ruled out; None if none is enough."""
        if self.tau_ridge is None:  # the ridge alone rules out every budget
            return None
        return max(self.tau_ridge, self.certificate or 0.0)
