"""The type of NumPy arrays whose numbers are of any kind."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
