"""The scene of a map as the browser gets it: every array, and what stands beside it."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from core.catalog.choices import resolve
from core.experiments.plot_data import PlotData
from core.presentation.figures import POISONED
from core.presentation.maps.scene import MapScene, packed, run_scene
from core.spec.experiment import parse_spec
from tests.drawn import drawn_result

RESULT = drawn_result(resolve(parse_spec({"train_size": 60, "test_size": 20, "budget": 0.1})))
KINDS = {"xy": "<f4", "start": "<f4", "y": "<u2", "mark": "u1", "near": "<i4", "predicted": "<u2", "baseRow": "<i4"}


@pytest.fixture(scope="module")
def plot() -> PlotData:
    assert RESULT.plot is not None
    return RESULT.plot


def array(data: dict[str, object], name: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(str(data[name])), KINDS[name])


def scene(plot: PlotData, **options: bool) -> MapScene:
    return run_scene(plot, RESULT.classes, run="abc", **options)


def test_points_labels_and_neighbours_are_those_of_the_run(plot: PlotData) -> None:
    data = scene(plot).as_data()
    json.dumps(data)
    far = fold_free(data)
    np.testing.assert_array_equal(array(data, "xy").reshape(-1, 2)[far], xy_of(plot)[far])
    assert array(data, "y").tolist() == [*plot.train_y, *plot.poison_y]
    assert array(data, "baseRow").tolist() == plot.base_index.tolist()
    assert plot.near is not None
    assert plot.logits is not None
    np.testing.assert_array_equal(array(data, "near").reshape(66, -1), plot.near[:, :8])
    np.testing.assert_array_equal(array(data, "predicted"), plot.logits.argmax(1))
    assert (data["clean"], data["run"], data["classes"]) == (60, "abc", list(RESULT.classes))


def xy_of(plot: PlotData) -> np.ndarray:
    return np.concatenate([plot.train_xy, plot.shown_xy])


def fold_free(data: dict[str, object]) -> np.ndarray:
    """Which points stand where they are."""
    xy = array(data, "xy").reshape(-1, 2)
    return ((xy >= np.float32(data["low"])) & (xy <= np.float32(data["high"]))).all(axis=1)


def test_clean_points_are_quiet_and_poison_is_one_strong_colour(plot: PlotData) -> None:
    built = scene(plot)
    marks = [built.marks[i] for i in built.mark]
    assert all(mark.shape == "dot" and mark.alpha < 0.5 for mark in marks[:60])
    assert {(mark.shape, mark.colour, mark.ring) for mark in marks[60:]} == {("diamond", POISONED, True)}


def test_arrows_begin_at_the_base_only_where_something_moved(plot: PlotData) -> None:
    still = replace(plot, shift=np.array([0.0, *plot.shift[1:]], np.float32))
    start = array(scene(still).as_data(), "start").reshape(-1, 2)
    assert np.isnan(start[0]).all()
    assert np.isfinite(start[1:]).all()


def test_targets_of_stage_2_are_drawn_on_request(plot: PlotData) -> None:
    with_targets = replace(plot, stage2_xy=plot.base_xy + 0.1)
    assert scene(with_targets).as_data()["target"] is None
    assert scene(with_targets, shows_targets=True).as_data()["target"] is not None


def test_the_id_is_that_of_the_content(plot: PlotData) -> None:
    data = scene(plot).as_data()
    assert data["id"] == scene(plot).as_data()["id"]
    moved = replace(plot, poison_xy=plot.poison_xy + np.float32(0.5))
    assert scene(moved).as_data()["id"] != data["id"]


def test_names_are_left_out_where_there_are_too_many_or_none_is_wanted(plot: PlotData) -> None:
    built = scene(plot)
    named = {island["name"] for island in built.as_data()["islands"]}  # type: ignore[attr-defined]
    assert named == {RESULT.classes[label] for label in np.unique(plot.train_y)}
    assert replace(built, is_named=False).as_data()["islands"] == []
    assert replace(built, classes=[f"class {i}" for i in range(61)]).as_data()["islands"] == []


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        packed(np.array([256]), "u1")
    assert packed(np.array([1, 258]), "<u2") == base64.b64encode(b"\x01\x00\x02\x01").decode()
