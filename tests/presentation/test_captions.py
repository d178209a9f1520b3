"""The sentences that explain figures."""

import pytest

from core.presentation import captions


@pytest.mark.parametrize(
    ("factor", "words"), [(0, "no pixel is changed"), (1, "difference, around"), (9, "amplified 9×")]
)
def test_words_on_differences_say_how_strong_they_are_drawn(factor: int, words: str) -> None:
    assert words in captions.difference_caption(factor)
