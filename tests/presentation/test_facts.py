from dataclasses import replace

import numpy as np
import pytest

from core.catalog.choices import resolve
from core.defences.evaluation import defend
from core.presentation import facts as outcome
from core.presentation.facts import FACTS, OF_DEFENCES, facts, text
from core.spec.experiment import parse_spec
from core.storage.defended import parse_chain
from tests.drawn import drawn_result
from tests.storage.test_defended import separable

SPEC = resolve(parse_spec({"attack": "ft-matching"}))
TARGETED = resolve(parse_spec({"attack": "gc-feature"}))


def test_facts_are_those_of_the_run() -> None:
    result = drawn_result(SPEC)
    actual = facts(result.summary(), result.plot)
    assert actual.keys() == FACTS.keys()
    assert actual["drop"] == pytest.approx(20)
    assert actual["stage2_drop"] == pytest.approx(30)
    assert actual["survives"] == pytest.approx(200 / 3)
    assert actual["noise"] == pytest.approx(result.summary().paired_error())
    assert actual["worst_class"] == tuple(result.classes)  # all tie
    assert actual["moved"] == 100
    assert actual["compared"] is None


def test_facts_of_defences_are_there_once_they_were_applied() -> None:
    run = separable()
    result = defend(run.features, parse_chain(["loss:share=0.1"]), len(run.classes), run.spec.ridge)
    known = facts(run.summary(), run.plot, None, result)
    assert known.keys() == FACTS.keys()
    assert known["found"] == pytest.approx(10 * result.whole.poison_removed)  # ten poisoned points
    assert known["clean_lost"] == len(result.whole.removed) - result.whole.poison_removed
    assert known["defended"] == pytest.approx(100 * result.poisoned.accuracy + result.regained)
    assert known["random"] == pytest.approx(100 * result.random)
    assert {facts(run.summary(), run.plot)[name] for name in OF_DEFENCES} == {None}


@pytest.mark.parametrize(("poisoned", "verdict"), [(0.3, "more"), (0.59, "too close"), (0.8, "less")])
def test_runs_are_compared_by_their_noise(poisoned: float, verdict: str) -> None:
    this, other = drawn_result(SPEC, poisoned=poisoned), drawn_result(SPEC)
    assert facts(this.summary(), this.plot, other.summary())["compared"] == (verdict,)


def test_reach_takes_the_tighter_bound() -> None:
    result = drawn_result(TARGETED)
    actual = facts(result.summary(), result.plot)
    assert (actual["tau"], actual["reach"]) == (pytest.approx(60), ("out of reach",))


def test_what_has_not_moved_is_not_farther_than_the_noise() -> None:
    plot = drawn_result(SPEC).plot
    assert plot is not None
    shift = np.zeros(plot.n_poison, np.float32)
    assert facts(drawn_result(SPEC).summary(), replace(plot, shift=shift))["moved"] == 0
    shift[0] = 2
    moved = facts(drawn_result(SPEC).summary(), replace(plot, shift=shift))["moved"]
    assert moved == pytest.approx(100 / plot.n_poison)


@pytest.mark.parametrize(
    ("name", "fact", "words"),
    [
        ("drop", -0.04, "0.0"),
        ("drop", 1.26, "1.3"),
        ("gap", 0.855, "0.85"),
        ("n_poison", 1200.0, "1,200"),
        ("clean_lost", 14.0, "14"),
        ("worst_class", ("Shirt", "Coat"), "Shirt and Coat"),
        ("tau", None, "—"),
    ],
)
def test_facts_in_words(name: str, fact: outcome.Fact, words: str) -> None:
    assert text(name, fact) == words
