"""Accuracy against budget over seeds: the isotonic fit, and the budgets at which so many points are lost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

LEVELS = (1.0, 5.0, 10.0)
"""Points of accuracy whose loss makes a budget critical."""
DRAWS = 1_000
CONFIDENCE = 0.95

Drops = Mapping[float, Sequence[float]]
"""By budget, the drop of each seed in points; every budget has the same seeds in the same order."""


@dataclass(frozen=True)
class Critical:
    """The budget from which on a number of points is lost.

    Attributes:
        points: that are lost.
        budget: the first crossing of the isotonic fit; None where it is not reached.
        low, high: ends of the interval by bootstrap over seeds; None where an end is not reached.
        most: the largest budget that was measured.
    """

    points: float
    budget: float | None
    low: float | None
    high: float | None
    most: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def fitted(drops: Drops) -> tuple[list[float], list[float]]:
    """Budgets from 0 on, and the isotonic fit of the drop at each; without poison nothing is lost."""
    budgets = sorted(drops)
    x = [0.0, *(budget for budget in budgets for _ in drops[budget])]
    y = [0.0, *(drop for budget in budgets for drop in drops[budget])]
    weight = [1e6, *np.ones(len(x) - 1)]  # the origin is known
    places = [0.0, *budgets]
    fit = IsotonicRegression().fit(x, y, sample_weight=weight)
    return places, [float(value) for value in fit.predict(places)]


def crossing(places: Sequence[float], values: Sequence[float], level: float) -> float:
    """The first budget at which a rising curve (k,) reaches a level, linear between its points; infinite if none."""
    for i, value in enumerate(values):
        if value >= level:
            if i == 0 or value == values[i - 1]:
                return places[i]
            share = (level - values[i - 1]) / (value - values[i - 1])
            return places[i - 1] + share * (places[i] - places[i - 1])
    return math.inf


def critical(drops: Drops, levels: Sequence[float] = LEVELS, seed: int = 0) -> list[Critical]:
    """The critical budgets, with intervals by bootstrap over seeds.

    Args:
        drops: measured drops.
        levels: numbers of points.
        seed: of the bootstrap.
    """
    fit, most = fitted(drops), max(drops)
    n_seeds = min(map(len, drops.values()))
    rng = np.random.default_rng(seed)
    draws: list[tuple[list[float], list[float]]] = []
    if n_seeds > 1:
        seen: dict[tuple[int, ...], tuple[list[float], list[float]]] = {}
        for _ in range(DRAWS):
            rows = tuple(sorted(rng.integers(0, n_seeds, n_seeds).tolist()))
            if rows not in seen:
                seen[rows] = fitted({budget: [values[row] for row in rows] for budget, values in drops.items()})
            draws.append(seen[rows])
    result = []
    for level in levels:
        at = crossing(*fit, level)
        ends = [at, at]
        if draws:
            crossings = sorted(crossing(*draw, level) for draw in draws)
            tail = (1 - CONFIDENCE) / 2
            ends = [crossings[int(tail * len(crossings))], crossings[math.ceil((1 - tail) * len(crossings)) - 1]]
        budget, low, high = (None if math.isinf(value) else value for value in (at, *ends))
        result.append(Critical(level, budget, low, high, most))
    return result
