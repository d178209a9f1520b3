"""Sheets of images in full resolution: every pixel of every image is where the browser cuts it out."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.presentation.figures.sheets import COLUMNS, groups_per_sheet, image_sheet

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 6, 4)])
@pytest.mark.parametrize(("count", "each"), [(1, 1), (COLUMNS + 3, 2)])
def test_every_image_keeps_its_pixels(channels: int, height: int, width: int, count: int, each: int) -> None:
    groups = RNG.integers(0, 256, (count, each, channels, height, width), dtype=np.uint8)
    sheet = image_sheet(list(groups))
    assert (sheet.width, sheet.height, sheet.each) == (width, height, each)
    pixels = np.asarray(Image.open(BytesIO(sheet.content)).convert("RGB"))
    for place in range(count):
        for i in range(each):
            top, left = place // COLUMNS * height, ((place % COLUMNS) * each + i) * width
            shown = pixels[top : top + height, left : left + width].transpose(2, 0, 1)
            np.testing.assert_array_equal(shown, np.broadcast_to(groups[place, i], (3, height, width)))


def test_large_images_share_a_sheet_with_few_and_one_always_fits() -> None:
    assert groups_per_sheet(28, 28, 2) == 512
    assert groups_per_sheet(224, 224, 2) == 10
    assert groups_per_sheet(4096, 4096, 2) == 1
