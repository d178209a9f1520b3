"""The scores of heads on a test set, and the reachability of target parameters. Without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """The score of one head on the test set.

    Attributes:
        accuracy: fraction in [0, 1] of all test images.
        per_class: the same for each of the c classes.
        confusion: (c, c) confusion matrix, counts by true (row) and predicted class (column); None if not recorded.
        lost, gained: test images that only the clean head classifies correctly, and that only this head does; None
            for the clean head itself, and if not recorded.
    """

    accuracy: float
    per_class: list[float]
    confusion: list[list[int]] | None = None
    lost: int | None = None
    gained: int | None = None


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
