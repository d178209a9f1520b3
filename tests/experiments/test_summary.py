"""The numbers of a run: read from what any version has stored, and their errors and p-values against slow versions."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.experiments.summary import CurvePoint, RunSummary
from core.heads.scores import Score
from core.system import finite_json
from core.system.paths import GALLERY
from tests.drawn import drawn_result
from tests.fakes import tiny_result, tiny_spec

SHIPPED = sorted(path.parent.name for path in GALLERY.glob("*/result.json"))


def stored(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GALLERY / name / "result.json").read_text())
    return content


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_read_whole(name: str) -> None:
    content = stored(name)
    written = json.loads(json.dumps(RunSummary.from_json(content).to_json()))
    assert {key: written[key] for key in content} == content


@pytest.mark.parametrize("attack", ["gc-feature", "ft-donor", "label-flip"])
def test_a_summary_is_read_as_it_was_written(attack: str) -> None:
    summary = drawn_result(tiny_spec(attack=attack)).summary()
    assert RunSummary.from_json(json.loads(json.dumps(summary.to_json()))).to_json() == summary.to_json()


def test_what_earlier_versions_did_not_store_is_empty() -> None:
    content = tiny_result(tiny_spec()).summary().to_json()
    for name in ("threshold", "notes", "walk", "versions", "stage2"):
        del content[name]
    content["poisoned"] = {"accuracy": 0.6, "per_class": [0.5, 0.7]}
    summary = RunSummary.from_json(content)
    assert (summary.threshold, summary.stage2, summary.trajectory) == (None, None, ())
    assert (dict(summary.notes), dict(summary.versions)) == ({}, {})
    assert summary.poisoned == Score(0.6, [0.5, 0.7])


def test_remarks_are_kept_and_are_no_key_without_any() -> None:
    result = tiny_result(tiny_spec())
    assert "remarks" not in result.summary().to_json()
    content = json.loads(json.dumps(replace(result, remarks=("One.", "Two.")).summary().to_json()))
    assert content["remarks"] == ["One.", "Two."]
    assert RunSummary.from_json(content).remarks == ("One.", "Two.")


def test_a_head_that_the_run_has_not_is_no_number() -> None:
    summary = tiny_result(tiny_spec()).summary()
    assert summary.accuracies() == {"clean": 0.9, "poisoned": 0.6}
    with pytest.raises(ValueError, match="no score 'target'"):
        summary.drop("target")


def test_drop_and_error_are_in_points() -> None:
    summary = replace(tiny_result(tiny_spec()).summary(), n_test=1600, poisoned=Score(0.8, [0.8, 0.8]))
    assert summary.drop() == pytest.approx(10)
    assert summary.standard_error() == pytest.approx(1.0)


def test_drops_of_classes_are_in_points_and_negative_where_accuracy_rose() -> None:
    summary = replace(
        tiny_result(tiny_spec()).summary(), clean=Score(0.7, [0.9, 0.5]), poisoned=Score(0.65, [0.6, 0.7])
    )
    assert summary.class_drops() == pytest.approx([30, -20])


def counted(n_test: int, lost: int | None, gained: int | None, before: int, after: int) -> RunSummary:
    """Of a run whose heads have so many test images right."""
    clean = Score(before / n_test, [])
    poisoned = Score(after / n_test, [], lost=lost, gained=gained)
    return replace(tiny_result(tiny_spec()).summary(), n_test=n_test, clean=clean, poisoned=poisoned)


@pytest.mark.parametrize(("lost", "gained"), [(30, 9), (9, 30), (5, 5), (40, 0), (0, 0)])
def test_paired_error_is_that_of_the_mean_difference(lost: int, gained: int) -> None:
    n_test = 200
    differences = np.repeat([1.0, -1.0, 0.0], [lost, gained, n_test - lost - gained])
    expected = 100 * differences.std() / math.sqrt(n_test)
    assert counted(n_test, lost, gained, 150, 150 - lost + gained).paired_error() == pytest.approx(expected)


@pytest.mark.parametrize(("lost", "gained"), [(30, 9), (9, 30), (6, 5), (40, 0), (0, 0)])
def test_p_value_is_a_fair_coins(lost: int, gained: int) -> None:
    """Against all sequences of tosses, counted."""
    n = lost + gained
    as_far = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(lost - gained))
    assert counted(200, lost, gained, 150, 150 - lost + gained).p_value() == pytest.approx(as_far / 2**n)


def test_runs_that_nobody_counted_are_judged_by_two_errors() -> None:
    summary = counted(400, None, None, 300, 270)
    expected = math.hypot(summary.standard_error("clean"), summary.standard_error())
    assert summary.paired_error() == pytest.approx(expected)
    assert summary.p_value() == pytest.approx(math.erfc(summary.drop() / expected / math.sqrt(2)))


def test_numbers_that_are_not_finite_are_written_as_null_and_read_again() -> None:
    """As a plug-in may report them, and as earlier versions wrote them, which are read likewise."""
    result = tiny_result(tiny_spec())
    summary = replace(
        result.summary(),
        clean=Score(0.9, [0.9, math.nan]),
        notes={"speed": math.inf, "size": 2.5},
        curve=(CurvePoint("clean", 1, {"loss": math.nan, "train_accuracy": 0.5}),),
    )
    text = finite_json.dumps(summary.to_json())
    assert "NaN" not in text
    assert "Infinity" not in text
    for stored in (text, json.dumps(summary.to_json())):
        read = RunSummary.from_json(json.loads(stored))
        assert math.isnan(read.clean.per_class[1])
        assert not math.isfinite(read.notes["speed"])
        assert read.notes["size"] == 2.5
        assert math.isnan(read.curve[0].values["loss"])
        assert finite_json.dumps(read.to_json()) == text
