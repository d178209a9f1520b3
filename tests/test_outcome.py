import pytest

from core import outcome
from core.catalog import resolve
from core.outcome import FACTS, facts, text
from core.result import paired_error
from core.spec import ExperimentSpec, parse_spec
from tests.drawn import drawn_result

SPEC = resolve(ExperimentSpec())
TARGETED = resolve(parse_spec({"attack": "gc-feature"}))


def test_facts_are_those_of_the_run() -> None:
    result = drawn_result(SPEC)
    found = facts(result.summary(), result.view)
    assert found.keys() == FACTS.keys()
    assert found["drop"] == pytest.approx(20)
    assert found["stage2_drop"] == pytest.approx(30)
    assert found["survives"] == pytest.approx(200 / 3)
    assert found["noise"] == pytest.approx(paired_error(result.summary()))
    assert found["worst_class"] == tuple(result.classes)  # all tie
    assert found["moved"] == 100
    assert found["compared"] is None


@pytest.mark.parametrize(("poisoned", "verdict"), [(0.3, "more"), (0.59, "too close"), (0.8, "less")])
def test_runs_are_compared_by_their_noise(poisoned: float, verdict: str) -> None:
    this, other = drawn_result(SPEC, poisoned=poisoned), drawn_result(SPEC)
    assert facts(this.summary(), this.view, other.summary())["compared"] == (verdict,)


def test_reach_takes_the_tighter_bound() -> None:
    result = drawn_result(TARGETED)
    found = facts(result.summary(), result.view)
    assert (found["tau"], found["reach"]) == (pytest.approx(60), ("out of reach",))


@pytest.mark.parametrize(
    ("name", "fact", "words"),
    [
        ("drop", -0.04, "0.0"),
        ("drop", 1.26, "1.3"),
        ("gap", 0.855, "0.85"),
        ("n_poison", 1200.0, "1,200"),
        ("worst_class", ("Shirt", "Coat"), "Shirt and Coat"),
        ("tau", None, "—"),
    ],
)
def test_facts_in_words(name: str, fact: outcome.Fact, words: str) -> None:
    assert text(name, fact) == words
