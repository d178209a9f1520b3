"""The walk through a stored run: steps beside their arrays, losses between stages, and words for every stage."""

import json
from typing import Any

import pytest

from core.attacks.registry import RECORDS
from core.catalog.choices import resolve
from core.catalog.descriptions import describe
from core.experiments.result import SCORES, drop
from core.experiments.trajectory import PATH
from core.presentation import explanations
from core.spec.experiment import parse_spec
from core.spec.registry import ATTACKS
from core.storage.gallery import entries
from core.storage.runs import load
from core.system.paths import GALLERY
from tests.drawn import drawn_result

SHIPPED = [entry.spec for entry in entries()]


def summary(attack: str | dict[str, Any], **values: float) -> dict[str, Any]:
    spec = resolve(parse_spec({"attack": attack, "train_size": 40, "test_size": 20}))
    found: dict[str, Any] = json.loads(json.dumps(drawn_result(spec, **values).summary()))
    return found


def test_every_stage_of_a_walk_has_a_title() -> None:
    assert tuple(explanations.TITLES) == PATH


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_stage_of_every_attack_is_explained(name: str) -> None:
    description = describe(parse_spec({"attack": name}))
    assert set(description.stages) <= {stage.name for stage in RECORDS[name].stages}
    for stage in ("clean", *description.stages, "poison"):
        told = explanations.explained(stage, description)
        assert told.words.endswith(".")
        assert told.formula.count("{") == told.formula.count("}")
        assert told.formula.count(r"\big\l") + told.formula.count(r"\Big(") <= told.formula.count(r"\big\r") + (
            told.formula.count(r"\Big)")
        )


def test_stage_2_is_explained_by_its_method() -> None:
    one, other = (
        explanations.explained("stage2", describe(parse_spec({"attack": {"name": "ft-matching", "stage2": by}})))
        for by in ("gc", "tgda")
    )
    assert "Canceling" in one.words
    assert "ascent" in other.words


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.hash)
def test_steps_of_what_ships_stand_beside_their_arrays(spec: Any) -> None:
    run = load(GALLERY / spec.hash)
    view, steps = run.view(), explanations.walk(run.result)
    assert [step.stage for step in steps] == sorted((step.stage for step in steps), key=PATH.index)
    points = [step.point for step in steps if step.point is not None]
    pictures = [step.picture for step in steps if step.picture is not None]
    assert points == list(range(len(view["walk_pca"]) if "walk_pca" in view else 0))
    assert pictures == list(range(len(view["walk_x"]) if "walk_x" in view else 0))
    assert all(0 <= step.done <= step.total for step in steps)
    for stage, key in explanations.SCORE_OF.items():
        ends = [step.accuracy for step in steps if step.stage == stage]
        if ends:
            assert ends[-1] == run.result[key]["accuracy"]
    for one in explanations.losses(run.result):
        assert one.wanted == drop(run.result, explanations.SCORE_OF[one.before])
        assert one.reached == drop(run.result, explanations.SCORE_OF[one.after])
        assert one.why.endswith(".")


def test_losses_are_between_the_stages_that_a_run_has() -> None:
    pairs = {
        name: [(one.before, one.after) for one in explanations.losses(summary(name))]
        for name in ("label-flip", "gc-feature", "tgda-feature", "ft-donor")
    }
    assert pairs == {
        "label-flip": [],
        "gc-feature": [("target", "stage2")],
        "tgda-feature": [],
        "ft-donor": [("stage2", "poison")],
    }


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ({"tau_ridge": None, "certificate": None, "budget": 0.03}, "alone keeps every budget"),
        ({"tau_ridge": 0.06, "certificate": 0.04, "budget": 0.03}, "at least 6 %, and the attacker has 3 %"),
        ({"tau_ridge": 0.01, "certificate": 0.02, "budget": 0.03}, "3 % is not ruled out"),
        (None, "a small budget can't"),
    ],
)
def test_what_keeps_a_target_out_of_reach_is_said(threshold: dict[str, Any] | None, words: str) -> None:
    (loss,) = explanations.losses({**summary("gc-feature"), "threshold": threshold})
    assert words in loss.why


def test_values_of_the_curve_stand_at_their_step() -> None:
    result = summary("tgda-feature")
    found = {step.done: step.values for step in explanations.walk(result) if step.stage == "stage2"}
    assert found[2] == {"train_accuracy": 0.9, "objective": 1.0}
    assert found[3] == {}
    several = {**result, "spec": {**result["spec"], "attack": {"name": "gc-feature", "target": "search"}}}
    assert all(not step.values for step in explanations.walk(several))


def test_a_run_stored_without_steps_has_no_walk() -> None:
    result = summary("label-flip")
    del result["walk"]
    assert explanations.walk(result) == []
    assert set(explanations.SCORE_OF.values()) == set(SCORES)
