"""A run in plain numbers: each agrees with the run's own counts, also where nothing was lost or nothing was drawn."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.catalog.choices import resolve
from core.heads.scores import Score
from core.presentation import story
from core.spec.experiment import parse_spec
from tests.drawn import drawn_result
from tests.fakes import tiny_result, tiny_spec


def story_with(clean: float = 0.8, poisoned: float = 0.6, **values: Any) -> story.Story:
    spec = resolve(parse_spec({"attack": "label-flip", "train_size": 100, "test_size": 500, **values}))
    result = drawn_result(spec, clean, poisoned)
    return story.story_of(result.summary(), result.plot)


@pytest.mark.parametrize(
    ("clean", "poisoned", "more", "one_in"),
    [(0.8, 0.6, 100, 5), (0.8, 0.79, 5, 100), (0.8, 0.8, 0, None), (0.8, 0.82, -10, 50), (1.0, 0.0, 500, 1)],
)
def test_more_wrong_are_counted(clean: float, poisoned: float, more: int, one_in: int | None) -> None:
    result = story_with(clean, poisoned)
    assert (result.more_wrong, result.one_in) == (more, one_in)
    assert result.per_hundred == pytest.approx(more / 5)
    assert (result.worst is None) == (more <= 0)


def test_a_small_change_is_not_sure() -> None:
    assert story_with(0.8, 0.6).is_sure
    assert not story_with(0.8, 0.78).is_sure
    assert not story_with(0.8, 0.8).is_sure


def test_the_worst_class_lost_most() -> None:
    summary = replace(
        tiny_result(tiny_spec()).summary(),
        clean=Score(0.8, [0.9, 0.7]),
        poisoned=Score(0.7, [0.9, 0.5]),
        stage2=Score(0.3, [0.3, 0.3]),
    )
    result = story.story_of(summary, None)
    assert result.worst == story.ClassChange("shoe", 70.0, 50.0)
    assert result.ideal_per_hundred == pytest.approx(50)
    assert (result.makes_images, result.pixels_changed, result.relabelled) == (False, False, None)


@pytest.mark.parametrize(
    ("attack", "makes_images", "pixels_changed"),
    [("label-flip", True, False), ("ft-donor", True, True), ("tgda-feature", False, False)],
)
def test_what_was_changed_is_known(attack: str, makes_images: bool, pixels_changed: bool) -> None:
    result = story_with(attack=attack)
    assert (result.makes_images, result.pixels_changed) == (makes_images, pixels_changed)
    assert result.relabelled == result.n_poison == 3


def test_a_centre_is_an_image_of_its_class() -> None:
    xy = np.array([[0, 0], [0, 1], [0, 2], [9, 9.0]])
    centres = story.class_centres(xy, np.array([0, 0, 0, 2]), 3)
    assert centres[0].tolist() == [0, 1]
    assert np.isnan(centres[1]).all()
    assert centres[2].tolist() == [9, 9]


def test_poison_among_another_class_is_counted() -> None:
    clean = np.concatenate([np.zeros((6, 2)), np.full((6, 2), 9.0)])
    plot = tiny_result(tiny_spec()).plot
    assert plot is not None
    poison = {"poison_xy": np.array([[0, 1], [9, 8], [9, 9.0]]), "poison_y": np.array([0, 0, 1])}
    poison |= {"base_xy": np.zeros((3, 2)), "shift": np.ones(3)}
    assert story.count_landed_elsewhere(replace(plot, train_xy=clean, train_y=np.repeat([0, 1], 6), **poison)) == 1
    assert story.count_landed_elsewhere(replace(plot, train_xy=clean[:1], train_y=np.array([1]), **poison)) == 2


def test_examples_are_of_many_classes() -> None:
    assert story.one_per_class(np.array([3, 3, 1, 3, 2]), 4) == [0, 2, 4, 1]
    assert story.one_per_class(np.array([3, 3, 1]), 1) == [0]


def test_names_that_would_cover_each_other_move_apart() -> None:
    xy = np.array([[0, 0], [10, 10.0]])
    centres = np.array([[1, 1], [1.1, 1.2], [8, 1], [1, 1.3], [np.nan, np.nan]])
    places = story.spread_labels(centres, xy)
    assert places[[0, 2]].tolist() == centres[[0, 2]].tolist()
    heights = np.sort(places[[0, 1, 3], 1])
    assert (np.diff(heights) >= 0.7 - 1e-9).all()
    assert np.isnan(places[4]).all()
