"""What a run hands back."""

import numpy as np

from core.experiments.result import to_uint8


def test_uint8_rounds_and_clips() -> None:
    x = np.array([-0.1, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 1.2])
    assert to_uint8(x).tolist() == [0, 0, 0, 1, 255, 255]
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(grey.astype(np.float32) / 255), grey)
