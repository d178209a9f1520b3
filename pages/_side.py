"""The choice of a side for a user's images. No Streamlit here."""

from dataclasses import dataclass, replace

from core.catalog.choices import usual_side
from core.data.registry import DataInfo
from core.spec.sides import LEAST_SIDE, MOST_SIDE, SIDE
from pages._controls import Choice, Value, Whole

AUTOMATIC = 0
"""The value in a link for the side of images that data and extractor ask for."""
SIDES = (SIDE, 128, MOST_SIDE)
"""Sides of images that are offered; links may name others."""


@dataclass(frozen=True)
class SideChoice(Choice[int]):
    """A choice among some sides of images that also takes any other; `usual` is what `AUTOMATIC` means."""

    usual: int = SIDE

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return f"{AUTOMATIC} for {self.options[AUTOMATIC].lower()}, or a whole number from {LEAST_SIDE} to {MOST_SIDE}"

    def parse(self, text: str) -> int | None:
        """The value that a link means, or None."""
        side = Whole(LEAST_SIDE, MOST_SIDE, self.usual).parse(text)
        return super().parse(text) if side is None else self.near(side)

    def near(self, value: Value) -> int:
        """The value itself, or `AUTOMATIC` where that means the same."""
        is_side = LEAST_SIDE <= float(value) <= MOST_SIDE and value != self.usual
        return int(value) if is_side else AUTOMATIC


def side_choice(data: DataInfo, input_size: int, default: int | None) -> SideChoice:
    """What may be chosen as the side of a user's images.

    Args:
        data: the record of the images.
        input_size: of the extractor.
        default: the side by a version of the defaults; None for what data and extractor ask for.
    """
    usual = usual_side(data, input_size)
    sides = [side for side in SIDES if side != usual]
    choice = SideChoice({AUTOMATIC: f"Automatic: {pixels(usual)}"} | {s: pixels(s) for s in sides}, AUTOMATIC, usual)
    return choice if default is None else replace(choice, default=choice.near(default))


def pixels(side: int) -> str:
    """A side in words."""
    return f"{side} px"
