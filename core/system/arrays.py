"""The type of NumPy arrays of any dtype, and whether all their numbers are finite."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def is_finite(array: Array) -> bool:
    """Whether no number of an array, of any shape, is NaN or infinite; needs no memory of the array's size."""
    # NaN passes through minimum and maximum, and an infinity is one of them.
    return array.size == 0 or bool(np.isfinite(array.min()) and np.isfinite(array.max()))
