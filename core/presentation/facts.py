"""Named facts about a run and about defences on it, computed from stored numbers."""

import math

import numpy as np

from core.defences.verdict import DefenceVerdict
from core.experiments.plot_data import PlotData
from core.experiments.summary import RunSummary
from core.heads.scores import Reachability
from core.system.numbers import fixed

Fact = float | tuple[str, ...] | None
"""A number, all texts that are true, or None if the run has no such fact."""

FACTS: dict[str, str] = {
    "clean": "test accuracy of the clean head, in percent",
    "poisoned": "test accuracy of the head retrained on clean data and poison, in percent",
    "drop": "points of test accuracy lost",
    "noise": "standard error of the drop, in points",
    "stage2_drop": "points lost to the poisoned features, before they become images",
    "survives": "how much of stage 2's drop the images keep, in percent",
    "gap": "mean inversion gap",
    "worst_drop": "points lost by the class that loses most",
    "worst_class": "the class that loses most; several where they tie",
    "n_poison": "poisoned points",
    "n_test": "test images",
    "budget": "budget of the run, in percent",
    "tau": "smallest budget that the target needs, in percent",
    "reach": "whether the target is `out of reach` of the budget or `not ruled out`",
    "noise_floor": "noise floor of the map, in map units",
    "shift": "largest distance in feature space between a poison and its base image",
    "moved": "share of poison that the map shows farther from its base image than the noise floor, in percent",
    "against": "what `compared` is compared by, in the run beside this one: points lost",
    "against_clean": "test accuracy of the clean head in the run beside this one, in percent",
    "difference": "points that this run loses more than the one beside it",
    "compared": "whether this run loses `more`, `less` or is `too close` to the one beside it",
    "compared_clean": "the same of the accuracies of the clean heads",
    "found": "share of the poison that the defences remove, in percent",
    "clean_lost": "clean points that the defences remove",
    "defended": "test accuracy of the head retrained on what the defences leave, in percent",
    "regained": "points of test accuracy that the defences give back",
    "random": "test accuracy where as many points are removed at random, in percent",
}
"""All facts and their meanings."""
TEXTS: dict[str, tuple[str, ...]] = {
    "worst_class": (),
    "reach": ("out of reach", "not ruled out"),
    "compared": ("more", "less", "too close"),
    "compared_clean": ("more", "less", "too close"),
}
"""Facts that are texts, with their possible values; an empty tuple stands for the class names."""
OF_DEFENCES = ("found", "clean_lost", "defended", "regained", "random")
"""Facts that require defences to have been applied to the run."""
OF_PLAY = ("clean", "poisoned", "drop", "n_poison", "n_test")
"""Facts that the playground knows."""
COUNTS = ("n_poison", "n_test", "clean_lost")
"""Facts that are integers."""
FINE = ("gap", "noise_floor", "shift")
"""Facts that are shown with two decimals."""
ERRORS_APART = 2.0
"""A difference counts if it exceeds this number of standard errors."""


def played(clean: float, poisoned: float, n_poison: int, n_test: int) -> dict[str, Fact]:
    """The facts of a state of the playground; None for those that only a run has.

    Args:
        clean, poisoned: accuracies in [0, 1].
        n_poison: poisoned points.
        n_test: test points.
    """
    values = (100 * clean, 100 * poisoned, 100 * (clean - poisoned), float(n_poison), float(n_test))
    return dict.fromkeys(FACTS) | dict(zip(OF_PLAY, values, strict=True))


def facts(
    summary: RunSummary,
    plot: PlotData | None,
    beside: RunSummary | None = None,
    verdict: DefenceVerdict | None = None,
) -> dict[str, Fact]:
    """All facts of a run; None for those that it does not have.

    Two runs are `too close` if they differ by no more than twice the standard error of the difference. That is a rule
    of thumb: the error assumes independent runs, though they may see the same test images.

    Args:
        summary: of the run.
        plot: its arrays; None if it has no map.
        beside: summary of another run to compare with.
        verdict: on defences applied to the run.
    """
    known: dict[str, Fact] = dict.fromkeys(FACTS)
    known |= {
        "clean": 100 * summary.clean.accuracy,
        "poisoned": 100 * summary.poisoned.accuracy,
        "drop": summary.drop(),
        "noise": summary.paired_error(),
        "gap": summary.inversion_gap,
        "n_poison": float(summary.n_poison),
        "n_test": float(summary.n_test),
        "budget": 100 * summary.spec.budget,
    }
    known |= _by_class(summary) | _of_stage2(summary)
    if summary.threshold is not None:
        known |= _reach(summary.threshold)
    if plot is not None:
        known |= _of_map(plot)
    if beside is not None:
        known |= _beside(summary, beside)
    if verdict is not None:
        known |= _of_defences(verdict)
    return known


def text(name: str, fact: Fact) -> str:
    """A fact as text."""
    if fact is None:
        return "—"
    if isinstance(fact, tuple):
        return " and ".join(fact)
    if name in COUNTS:
        return fixed(fact, 0)
    return fixed(fact, 2 if name in FINE else 1)


def _compared(difference: float, error: float) -> tuple[str, ...]:
    if abs(difference) <= ERRORS_APART * error:
        return ("too close",)
    return ("more",) if difference > 0 else ("less",)


def _by_class(summary: RunSummary) -> dict[str, Fact]:
    drops = summary.class_drops()
    worst = max(drop for drop in drops if not math.isnan(drop))
    names = (name for name, drop in zip(summary.classes, drops, strict=True) if math.isclose(drop, worst))
    return {"worst_drop": worst, "worst_class": tuple(names)}


def _of_stage2(summary: RunSummary) -> dict[str, Fact]:
    if summary.stage2 is None:
        return {}
    drop = summary.drop("stage2")
    return {"stage2_drop": drop, "survives": 100 * summary.drop() / drop if drop > 0 else None}


def _reach(threshold: Reachability) -> dict[str, Fact]:
    least = threshold.least_budget
    if least is None:
        return {"tau": None, "reach": ("out of reach",)}
    return {"tau": 100 * least, "reach": ("out of reach" if least > threshold.budget else "not ruled out",)}


def _of_map(plot: PlotData) -> dict[str, Fact]:
    lines = np.linalg.norm(plot.shown_xy - plot.base_xy, axis=1)
    return {
        "noise_floor": plot.noise_floor,
        "shift": float(np.max(plot.shift)),
        "moved": 100 * float(np.mean(lines > plot.noise_floor)),
    }


def _beside(summary: RunSummary, other: RunSummary) -> dict[str, Fact]:
    difference = summary.drop() - other.drop()
    of_drops = math.hypot(summary.paired_error(), other.paired_error())
    of_clean = math.hypot(summary.standard_error("clean"), other.standard_error("clean"))
    return {
        "against": other.drop(),
        "against_clean": 100 * other.clean.accuracy,
        "difference": difference,
        "compared": _compared(difference, of_drops),
        "compared_clean": _compared(100 * (summary.clean.accuracy - other.clean.accuracy), of_clean),
    }


def _of_defences(verdict: DefenceVerdict) -> dict[str, Fact]:
    return {
        "found": 100 * verdict.whole.recall,
        "clean_lost": float(verdict.whole.clean_lost),
        "defended": 100 * verdict.defended.accuracy,
        "regained": verdict.regained,
        "random": 100 * verdict.random,
    }
