"""Whether arrays are finite."""

import numpy as np
import pytest

from core.system.arrays import is_finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, 11])
def test_a_single_number_is_noticed(value: float, place: int) -> None:
    array = np.arange(12, dtype=np.float32)
    assert is_finite(array.reshape(3, 4))
    array[place] = value
    assert not is_finite(array.reshape(3, 4))


def test_nothing_is_finite() -> None:
    assert is_finite(np.zeros((0, 3), np.float32))
