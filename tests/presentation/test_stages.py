"""How a stored run came about: steps beside their arrays, and losses between stages."""

from dataclasses import replace
from typing import Any

import pytest

from core.catalog.choices import resolve
from core.experiments.summary import SCORES, RunSummary
from core.experiments.trajectory import PATH
from core.heads.scores import Reachability
from core.presentation import stages
from core.spec.experiment import parse_spec
from core.storage.gallery import entries
from core.storage.runs import load
from core.system.paths import GALLERY
from tests.drawn import drawn_result

SHIPPED = [entry.spec for entry in entries()]


def summary(attack: str | dict[str, Any], **values: float) -> RunSummary:
    spec = resolve(parse_spec({"attack": attack, "train_size": 40, "test_size": 20}))
    return drawn_result(spec, **values).summary()


def test_every_stage_has_a_title() -> None:
    assert tuple(stages.TITLES) == PATH


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.hash)
def test_steps_of_what_ships_stand_beside_their_arrays(spec: Any) -> None:
    run = load(GALLERY / spec.hash)
    plot, steps = run.plot(), stages.shown_steps(run.summary)
    assert plot is not None
    assert [step.stage for step in steps] == sorted((step.stage for step in steps), key=PATH.index)
    points = [step.point for step in steps if step.point is not None]
    pictures = [step.picture for step in steps if step.picture is not None]
    assert points == list(range(0 if plot.walk_pca is None else len(plot.walk_pca)))
    assert pictures == list(range(0 if plot.walk_x is None else len(plot.walk_x)))
    assert all(0 <= step.done <= step.total for step in steps)
    for stage, key in stages.SCORE_OF.items():
        ends = [step.accuracy for step in steps if step.stage == stage]
        if ends:
            assert ends[-1] == run.summary.accuracies()[key]
    for one in stages.losses(run.summary):
        assert one.wanted == run.summary.drop(stages.SCORE_OF[one.before])
        assert one.reached == run.summary.drop(stages.SCORE_OF[one.after])
        assert one.why.endswith(".")


def test_losses_are_between_the_stages_that_a_run_has() -> None:
    pairs = {
        name: [(one.before, one.after) for one in stages.losses(summary(name))]
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
        (Reachability(0.03, None, None, None, 0.5, []), "alone keeps every budget"),
        (Reachability(0.03, 0.05, 0.06, 0.04, 0.5, []), "at least 6 %, and the attacker has 3 %"),
        (Reachability(0.03, 0.01, 0.01, 0.02, 0.5, []), "3 % is not ruled out"),
        (None, "a small budget can't"),
    ],
)
def test_what_keeps_a_target_out_of_reach_is_said(threshold: Reachability | None, words: str) -> None:
    (loss,) = stages.losses(replace(summary("gc-feature"), threshold=threshold))
    assert words in loss.why


def test_values_of_the_curve_stand_at_their_step() -> None:
    result = summary("tgda-feature")
    actual = {step.done: step.values for step in stages.shown_steps(result) if step.stage == "stage2"}
    assert actual[2] == {"train_accuracy": 0.9, "objective": 1.0}
    assert actual[3] == {}
    searched = parse_spec({"attack": {"name": "gc-feature", "target": "search"}})
    assert all(not step.values for step in stages.shown_steps(replace(result, spec=searched)))


def test_a_run_stored_without_steps_shows_none() -> None:
    assert stages.shown_steps(replace(summary("label-flip"), trajectory=())) == []
    assert set(stages.SCORE_OF.values()) == set(SCORES)
