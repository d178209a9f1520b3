"""A preview as a message."""

from dataclasses import fields, replace

import numpy as np
import pytest

from core.spec.preview import Preview
from tests.fakes import drawn_preview


@pytest.mark.parametrize(
    "preview", [drawn_preview(1), drawn_preview(7), replace(drawn_preview(2), poison_x=None, base_x=None, xy=None)]
)
def test_a_preview_survives_its_message(preview: Preview) -> None:
    back = Preview.from_bytes(preview.to_bytes())
    for field in fields(Preview):
        before, after = getattr(preview, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype
            np.testing.assert_array_equal(after, before)
        else:
            assert (after, type(after)) == (before, type(before))
