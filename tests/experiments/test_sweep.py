"""Sweeps: which experiments they are, what is known of them, and how sure."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_1samp

from core.catalog.choices import resolve
from core.experiments import sweep
from core.experiments.summary import RunSummary
from core.heads.scores import Score
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.system.errors import SpecError
from tests.fakes import tiny_result, tiny_spec

BASE = resolve(parse_spec({"train_size": 100, "test_size": 50}))


def result(clean: float, poisoned: float) -> RunSummary:
    return replace(tiny_result(tiny_spec()).summary(), clean=Score(clean, []), poisoned=Score(poisoned, []))


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("constraint", ["none", "valid", "perturbation"])
@pytest.mark.parametrize("rule", ["clean", "random", "adversarial"])
def test_every_attack_can_join_whatever_the_base(attack: str, constraint: str, rule: str) -> None:
    base = resolve(parse_spec({"attack": "noise", "constraint": constraint, "label_rule": rule}))
    (_, cell) = sweep.cells(base, [attack], [0.03], [0])
    (spec,) = cell.specs
    assert spec.attack.name == attack
    assert resolve(spec) == spec


def test_flips_come_first_and_the_grid_is_whole() -> None:
    actual = sweep.cells(BASE, ["ft-matching", "noise"], [0.01, 0.1], [3, 4], ["resnet10-small-mnist"])
    assert [(cell.attack, cell.budget) for cell in actual] == [
        (attack, budget) for attack in ("flips", "ft-matching", "noise") for budget in (0.01, 0.1)
    ]
    assert {cell.extractor for cell in actual} == {"resnet10-small-mnist"}
    assert [spec.seed for spec in actual[0].specs] == [3, 4]
    assert actual[0].specs[0].label_rule == "random"
    assert len(sweep.hashes(actual)) == 12


def test_the_attack_of_the_base_keeps_its_parameters() -> None:
    base = resolve(parse_spec({"attack": {"name": "ft-matching", "match_steps": 7}}))
    _, own, other = sweep.cells(base, ["ft-matching", "ft-decoder"], [0.03], [0])
    assert own.specs[0].attack.model_dump()["match_steps"] == 7
    assert other.specs[0].attack.name == "ft-decoder"


def test_an_experiment_that_stands_in_two_places_runs_once() -> None:
    base = resolve(ExperimentSpec(label_rule="random"))
    assert len(sweep.hashes(sweep.cells(base, ["label-flip"], [0.03], [0]))) == 1


def test_too_many_runs_are_refused_with_the_number() -> None:
    with pytest.raises(SpecError, match="has 80 runs, at most 64"):
        sweep.cells(BASE, ["noise"], [0.01, 0.02, 0.03, 0.04], range(10))


def test_partial_results_are_what_is_there() -> None:
    places = sweep.cells(BASE, ["noise"], [0.03], [0, 1])
    known = {places[1].specs[0].hash: result(0.9, 0.8)}
    flips, noise = sweep.collect(places, known.get)
    assert flips.drop is None
    assert noise.drop is not None
    assert (noise.drop.mean, noise.drop.low, noise.drop.seeds) == (pytest.approx(10), pytest.approx(10), 1)
    rows = sweep.result_rows([flips, noise])
    assert rows[0]["drop_points"] is None
    assert rows[1]["poisoned"] == pytest.approx(0.8)


def test_interval_is_that_of_students_t() -> None:
    values = [1.0, 2.5, 3.0, 2.0]
    actual = sweep.interval(values)
    assert actual is not None
    wanted = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (actual.low, actual.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    rough = bootstrap((np.array(values),), np.mean, random_state=0).confidence_interval
    assert actual.low < rough.low < actual.mean < rough.high < actual.high
