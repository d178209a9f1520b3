"""The points of a run as a table: read off stored arrays, checked against slow obvious versions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.catalog.choices import resolve
from core.catalog.split import draw_for
from core.experiments import points as explore
from core.experiments.points import HEADS, Points
from core.spec.experiment import parse_spec
from pages import _points
from tests.drawn import drawn_result

SPEC = resolve(parse_spec({"train_size": 60, "test_size": 20, "budget": 0.1}))


@pytest.fixture(scope="module")
def points() -> Points:
    result = drawn_result(SPEC)
    assert result.plot is not None
    return Points(result.plot, result.classes)


def test_clean_points_come_first(points: Points) -> None:
    assert points.n_clean == 60
    assert points.is_poison.tolist() == [False] * 60 + [True] * 6
    assert points.y[60:].tolist() == points.plot.poison_y.tolist()


@pytest.mark.parametrize("space", ["xy", "pca"])
def test_positions_are_those_of_the_run(points: Points, space: str) -> None:
    np.testing.assert_array_equal(points.positions(space)[:60], getattr(points.plot, f"train_{space}"))
    np.testing.assert_array_equal(points.positions(space)[60:], getattr(points.plot, f"poison_{space}"))


@pytest.mark.parametrize("head", HEADS)
def test_losses_are_torchs_cross_entropy(points: Points, head: str) -> None:
    logits = torch.from_numpy(points.logits(head)).double()
    wanted = torch.nn.functional.cross_entropy(logits, torch.from_numpy(points.y), reduction="none")
    np.testing.assert_allclose(points.losses(head), wanted, rtol=1e-9)


@pytest.mark.parametrize("head", HEADS)
def test_plane_changes_sign_where_the_head_changes_its_mind(points: Points, head: str) -> None:
    logits = points.logits(head)
    x = points.plane(2, 5, head)[:, 0]
    assert ((x > 0) == (logits[:, 5] > logits[:, 2])).all()


def test_images_are_those_of_the_split_and_the_poison() -> None:
    plot = drawn_result(SPEC).plot
    assert plot is not None
    seven, zero = np.full((6, 1, 28, 28), 7, np.uint8), np.zeros((6, 1, 28, 28), np.uint8)
    shown = explore.images(SPEC, replace(plot, poison_x=seven, base_x=zero))
    assert len(shown) == 66
    clean = draw_for(SPEC).train_x
    assert all((shown[row] == clean[row]).all() for row in range(60))
    assert all((shown[row] == 7).all() for row in range(60, 66))
    without = explore.images(SPEC, replace(plot, poison_x=None, base_x=zero))
    assert all((without[row] == 0).all() for row in range(60, 66))


def test_runs_of_older_versions_have_no_points(points: Points) -> None:
    assert points.plot.has_points
    older = replace(points.plot, near=None, influence=None)
    assert not older.has_points
    with pytest.raises(ValueError, match="without its points"):
        _ = Points(older, points.classes).influence


@pytest.mark.parametrize("colour", _points.COLOURS)
@pytest.mark.parametrize("head", _points.HEADS)
def test_every_colouring_keeps_dots_clean_and_diamonds_poisoned(points: Points, colour: str, head: str) -> None:
    scene = _points.scene(points, points.positions("xy"), colour=colour, head=head, arrows=True)
    shapes = [scene.marks[i].shape for i in scene.mark]
    assert shapes == ["dot"] * 60 + ["diamond"] * 6
    np.testing.assert_array_equal(scene.xy, points.positions("xy"))


def test_wrong_predictions_have_the_colour_of_the_legend(points: Points) -> None:
    scene = _points.scene(points, points.positions("xy"), colour="right", head="poisoned", arrows=True)
    is_wrong = ["wrong" in scene.marks[i].name for i in scene.mark]
    assert is_wrong == (points.predicted("poisoned") != points.y).tolist()


def test_larger_losses_have_later_shades(points: Points) -> None:
    scene = _points.scene(points, points.positions("xy"), colour="loss", head="clean", arrows=True)
    order = np.argsort(points.losses("clean")[:60])
    assert (np.diff(scene.mark[:60][order]) >= 0).all()
    assert scene.mark[:60].max() == _points.STEPS - 1
    assert scene.marks[0].name == "loss 0.00"


def test_arrows_and_regions_are_drawn_where_they_are_wanted(points: Points) -> None:
    xy = points.plane(2, 5, "clean")
    plane = _points.Plane(("a", "b"), (2, 5))
    scene = _points.scene(points, xy, colour="class", head="clean", arrows=False, plane=plane)
    assert np.isnan(scene.start_xy).all()
    assert scene.regions == (2, 5)
    with_arrows = _points.scene(points, xy, colour="class", head="clean", arrows=True, plane=plane).start_xy
    moved = points.plot.moved
    np.testing.assert_array_equal(with_arrows[moved], xy[points.plot.base_index][moved])


def test_words_name_labels_and_prediction_of_a_poisoned_sample(points: Points) -> None:
    (poison,) = _points.words(points, [60], "poisoned")
    assert poison.startswith(f"poisoned sample 0: {points.classes[int(points.plot.base_y[0])]}")
    predicted = int(points.predicted("poisoned")[60])
    assert (points.classes[predicted] in poison) or predicted == points.y[60]
