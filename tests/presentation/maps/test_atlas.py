"""Sheets of images: each image stands where it is said to."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.presentation.maps.atlas import COLUMNS, MOST_THUMBS, thumb_rows, thumb_sheet

RNG = np.random.default_rng(0)


def test_poison_and_its_bases_come_first_and_the_number_is_bounded() -> None:
    assert thumb_rows(5, 2, [3, 3]) == [5, 6, 3, 0, 1, 2, 4]
    many = thumb_rows(50_000, 10, [7])
    assert len(many) == MOST_THUMBS
    assert many[:12] == [*range(50_000, 50_010), 7, 0]


@pytest.mark.parametrize(("channels", "side", "shown", "cell"), [(1, 28, 28, 32), (3, 32, 32, 32), (3, 224, 45, 48)])
def test_every_thumbnail_is_in_its_cell(channels: int, side: int, shown: int, cell: int) -> None:
    shades = RNG.integers(0, 255, 70)
    images = [np.full((channels, side, side), shade, np.uint8) for shade in shades]
    content, width, height, found = thumb_sheet(images, list(range(70)))
    assert (width, height, found) == (shown, shown, cell)
    sheet = np.asarray(Image.open(BytesIO(content)))
    assert sheet.shape == (2 * cell, COLUMNS * cell, 3)
    for place, shade in enumerate(shades):
        top, left = place // COLUMNS * cell, place % COLUMNS * cell
        tile = sheet[top : top + height, left : left + width].astype(int)
        assert np.abs(tile - shade).max() <= 3
