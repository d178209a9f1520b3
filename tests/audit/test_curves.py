"""Critical budgets: crossings of a fit that is known, and intervals over seeds."""

import math

import pytest

from core.audit import curves


def test_a_line_is_crossed_where_it_is() -> None:
    drops = {0.01: [1.0, 1.0], 0.05: [5.0, 5.0], 0.2: [20.0, 20.0]}
    found = {each.points: each for each in curves.critical(drops)}
    for points, budget in ((1.0, 0.01), (5.0, 0.05), (10.0, 0.1)):
        assert found[points].budget == pytest.approx(budget, abs=1e-6)
        assert found[points].low == found[points].high == pytest.approx(budget, abs=1e-6)


def test_what_is_not_reached_has_no_budget() -> None:
    (found,) = curves.critical({0.1: [2.0, 3.0], 0.3: [4.0, 9.0]}, [8.0])
    assert (found.budget, found.low, found.most) == (None, pytest.approx(0.1 + 0.2 * 5 / 6, abs=1e-6), 0.3)
    assert found.high is None


def test_a_fall_is_pooled_as_the_isotonic_fit_says() -> None:
    places, values = curves.fitted({0.1: [4.0], 0.2: [2.0], 0.3: [6.0]})
    assert places == [0.0, 0.1, 0.2, 0.3]
    assert values == pytest.approx([0.0, 3.0, 3.0, 6.0], abs=1e-4)
    assert curves.crossing(places, values, 3.5) == pytest.approx(0.2 + 0.1 * 0.5 / 3, abs=1e-4)
    assert math.isinf(curves.crossing(places, values, 6.5))


def test_the_interval_spans_the_seeds() -> None:
    (found,) = curves.critical({0.1: [4.0, 5.0, 10.0]}, [5.0])
    assert found.budget == pytest.approx(0.1 * 5 / (19 / 3), abs=1e-4)
    assert found.low == pytest.approx(0.05, abs=1e-4)
    assert found.high is None  # seeds of which every draw is the first: 4 points at most


def test_the_bootstrap_is_seeded() -> None:
    drops = {0.03: [1.0, 2.0, 4.0], 0.1: [3.0, 6.0, 7.0]}
    assert curves.critical(drops) == curves.critical(drops)
