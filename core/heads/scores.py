"""What heads are judged by: accuracies on a test set, and what a budget of poison can reach. Free of torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """What one head makes of the test set.

    Attributes:
        accuracy: fraction in [0, 1] of all test images.
        per_class: the same for each of the c classes.
        confusion: (c, c) counts of test images, rows by true class, columns by predicted class; None where nobody
            counted.
        lost, gained: test images that the clean head has right and this one wrong, and the other way round; None for
            the clean head itself, and where nobody counted.
    """

    accuracy: float
    per_class: list[float]
    confusion: list[list[int]] | None = None
    lost: int | None = None
    gained: int | None = None


@dataclass(frozen=True)
class Reachability:
    """What a budget can reach of one target: see `core.heads.reachability`.

    Attributes:
        budget: the run's epsilon.
        tau: threshold of the loss alone; None where no budget is enough.
        tau_ridge: threshold with the ridge term.
        certificate: a budget below which no poison with features in the clean range reaches the target; None
            where features are free.
        residual: norm of the gradient that the run's poison leaves at the target.
        floor: pairs (budget, smallest residual that free features could leave), on a grid of budgets.
    """

    budget: float
    tau: float | None
    tau_ridge: float | None
    certificate: float | None
    residual: float
    floor: list[tuple[float, float]]

    @property
    def least_budget(self) -> float | None:
        """The smallest budget that is not ruled out; None where none is enough."""
        if self.tau_ridge is None:  # the ridge alone keeps every budget away
            return None
        return max(self.tau_ridge, self.certificate or 0.0)
