"""Images on disk behave as the array that they are, and only what is asked for is read."""

import numpy as np
import pytest

from core.data.stored import StoredImages, select

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
ROWS = np.array([7, 2, 2, 0, 8])


def stored() -> StoredImages:
    return StoredImages(PIXELS, ROWS)


@pytest.mark.parametrize(
    "key", [3, np.int64(-1), slice(1, 4), slice(4, 99), np.array([4, 0]), np.array([True, False, True, False, True])]
)
def test_indexing_is_that_of_the_array(key: int | slice | np.ndarray) -> None:
    np.testing.assert_array_equal(stored()[key], PIXELS[ROWS][key])


def test_it_has_the_shape_and_the_content_of_the_array() -> None:
    images, array = stored(), PIXELS[ROWS]
    assert (images.shape, images.dtype, images.nbytes, len(images)) == (array.shape, array.dtype, array.nbytes, 5)
    np.testing.assert_array_equal(np.asarray(images), array)
    np.testing.assert_array_equal(np.stack(list(images)), array)
    np.testing.assert_array_equal(np.asarray(images, np.float32), array.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(StoredImages(PIXELS)), PIXELS)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(images, copy=False)


@pytest.mark.parametrize("rows", [np.array([4, 1]), np.array([False, True, False, False, True])])
def test_a_selection_reads_nothing(rows: np.ndarray) -> None:
    class Counted(np.ndarray):
        reads = 0

        def __getitem__(self, key: object) -> np.ndarray:
            Counted.reads += 1
            return np.asarray(self)[key]

    pixels = PIXELS.view(Counted)
    once = StoredImages(pixels, ROWS).select(rows)
    twice = select(once, np.array([1]))
    assert isinstance(twice, StoredImages)
    assert Counted.reads == 0
    np.testing.assert_array_equal(twice[0], PIXELS[ROWS][rows][1])
    assert Counted.reads == 1


def test_rows_of_an_array_are_an_array() -> None:
    part = select(PIXELS, np.array([3, 3]))
    assert isinstance(part, np.ndarray)
    np.testing.assert_array_equal(part, PIXELS[[3, 3]])
