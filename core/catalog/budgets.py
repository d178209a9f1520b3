"""The budgets that a slider marks: those that ship for the default experiment, and that are computed ahead."""

import math
from collections.abc import Callable

from core.catalog.choices import resolve
from core.spec.experiment import ExperimentSpec

MARKS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.3)
"""Budgets ε_d, ascending."""


def at_marks(spec: ExperimentSpec) -> dict[float, ExperimentSpec]:
    """The same experiment at every marked budget, its own included where that is marked."""
    return {budget: resolve(spec.model_copy(update={"budget": budget})) for budget in MARKS}


def nearest_first(spec: ExperimentSpec, is_stored: Callable[[str], bool]) -> list[ExperimentSpec]:
    """The same experiment at the marked budgets that are not computed yet, those of the nearest ratio first.

    Args:
        spec: what is on show.
        is_stored: whether the result of a spec with this hash is there.
    """
    missing = [other for other in at_marks(spec).values() if not is_stored(other.hash) and other.hash != spec.hash]
    return sorted(missing, key=lambda other: abs(math.log(other.budget / spec.budget)))
