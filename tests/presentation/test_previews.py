"""Previews in the components that show finished runs."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.presentation import previews
from core.presentation.figures.palette import POISONED
from core.presentation.maps.scene import packed
from tests.fakes import drawn_preview

CLASSES = ["coat", "shoe"]
FIRST = drawn_preview(1)
LATER = replace(drawn_preview(40), train_xy=FIRST.train_xy, train_y=FIRST.train_y)


def test_the_sheet_has_base_and_poison_of_this_step() -> None:
    sheet = previews.preview_sheet(LATER)
    assert sheet is not None
    assert (sheet.width, sheet.height, sheet.each) == (8, 8, 2)
    pixels = np.asarray(Image.open(io.BytesIO(sheet.content)))
    assert pixels.shape == (8, 4 * 2 * 8)
    assert [int(pixels[0, 8 * i]) for i in range(8)] == [0, 40] * 4


def test_before_there_are_images_the_base_stands_alone() -> None:
    early = replace(LATER, poison_x=None)
    sheet = previews.preview_sheet(early)
    assert sheet is not None
    assert sheet.each == 1
    assert previews.preview_cards(early, CLASSES, run="r")["factor"] == 0
    assert previews.preview_remark(early) == (
        "No poisoned images yet: the attack works on features. Shown are the base images."
    )
    assert previews.preview_sheet(replace(LATER, base_x=None)) is None


def test_cards_say_what_each_image_claims() -> None:
    data = previews.preview_cards(replace(LATER, y=np.array([1, 1, 0, 0])), CLASSES, run="r")
    assert (data["count"], data["run"], data["clean"], data["isPreview"]) == (4, "r", 20, True)
    assert data["before"] == packed(np.array([0, 1, 0, 1]), "<u2")
    assert data["after"] == packed(np.array([1, 1, 0, 0]), "<u2")
    assert data["factor"] == 127 // 40


@pytest.mark.parametrize(("done", "words"), [(0, "at the start"), (40, "step 40"), (1200, "step 1,200")])
def test_each_image_says_that_it_is_a_preview(done: int, words: str) -> None:
    data = previews.preview_cards(replace(LATER, done=done, n_poison=60), CLASSES, run="r")
    assert (data["step"], data["count"], data["total"]) == (words, 4, 60)
    assert previews.preview_remark(LATER) == ""


def test_diamonds_stand_where_they_are_now_and_clean_points_stay() -> None:
    first, later = (previews.preview_scene(preview, CLASSES, run="r") for preview in (FIRST, LATER))
    assert first is not None
    assert later is not None
    np.testing.assert_array_equal(first.xy[:20], later.xy[:20])
    assert first.xy[20:, 0].tolist() == [1] * 4
    assert later.xy[20:, 0].tolist() == [40] * 4
    assert [later.marks[mark].colour for mark in later.mark[20:]] == [POISONED] * 4
    np.testing.assert_array_equal(later.start_xy, np.zeros((4, 2)))
    assert later.as_data()["isPreview"]


def test_a_sample_that_has_not_moved_lies_on_its_base_and_one_of_another_set_has_no_arrow() -> None:
    still = previews.preview_scene(replace(LATER, shift=np.zeros(4)), CLASSES, run="r")
    assert still is not None
    np.testing.assert_array_equal(still.xy[20:], np.zeros((4, 2)))
    other = previews.preview_scene(replace(LATER, base_index=np.full(4, -1)), CLASSES, run="r")
    assert other is not None
    assert np.isnan(other.start_xy).all()
    assert other.xy[20:, 0].tolist() == [40] * 4


def test_without_a_map_of_the_clean_points_there_is_none() -> None:
    assert previews.preview_scene(replace(LATER, train_xy=None), CLASSES, run="r") is None
    assert previews.preview_scene(replace(LATER, xy=None), CLASSES, run="r") is None


def test_the_sentence_counts() -> None:
    assert previews.going_sentence(2000, 60, makes_images=True) == (
        "60 poisoned images among 2,060 are being made: what is shown here is a preview."
    )
    assert previews.going_sentence(20, 1, makes_images=False) == (
        "1 poisoned feature vector among 21 is being made: what is shown here is a preview."
    )
