"""The marked budgets, and what is missing beside an experiment."""

from core.catalog import budgets
from core.storage.gallery import entries
from tests.fakes import tiny_spec


def test_marks_go_from_half_a_percent_to_thirty() -> None:
    assert len(budgets.MARKS) >= 10
    assert (budgets.MARKS[0], budgets.MARKS[-1]) == (0.005, 0.3)
    assert list(budgets.MARKS) == sorted(budgets.MARKS)


def test_the_default_experiment_ships_at_every_mark() -> None:
    shipped = {entry.spec.hash for entry in entries()}
    found = budgets.at_marks(entries()[0].spec)
    assert tuple(found) == budgets.MARKS
    assert {spec.hash for spec in found.values()} <= shipped


def test_other_budgets_come_by_their_ratio_and_without_what_is_stored() -> None:
    spec = tiny_spec(1, train_size=1000, budget=0.03)
    stored = budgets.at_marks(spec)[0.04].hash
    found = budgets.nearest_first(spec, {stored}.__contains__)
    assert [other.budget for other in found] == [0.02, 0.05, 0.07, 0.01, 0.1, 0.15, 0.005, 0.3]
    assert all(other.model_copy(update={"budget": 0.03}) == spec for other in found)
