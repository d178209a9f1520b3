"""What a person may choose: one of several, a number, or more, and its text in a link. No Streamlit here.

Everything with the methods of `Control` is a control; the pages' own ones that only links know are in `_own`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

Value = str | int | float
T = TypeVar("T")
V = TypeVar("V", bound=Value)


class Control(Protocol[T]):
    """What may be chosen for a key of a link."""

    @property
    def default(self) -> T:
        """What holds where a link names nothing, or what is not allowed."""

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""

    def parse(self, text: str) -> T | None:
        """The value that a link means, or None."""

    def near(self, value: T) -> T:
        """The value itself where it may be chosen, else the nearest one or the default."""

    def text(self, value: T) -> str:
        """A value as it stands in a link."""


@dataclass(frozen=True)
class Choice(Generic[V]):
    """One of several: `options` maps each value to the words for it."""

    options: Mapping[V, str]
    default: V

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return ", ".join(map(number_text, self.options))

    def parse(self, text: str) -> V | None:
        """The value that a link means, or None."""
        return next((option for option in self.options if number_text(option) == text), None)

    def near(self, value: Value) -> V:
        """The value itself where it may be chosen, else the default."""
        return next((option for option in self.options if option == value), self.default)

    def text(self, value: Value) -> str:
        """A value as it stands in a link."""
        return number_text(value)


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    default: float
    kind: ClassVar[str] = "a number"

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return f"{self.kind} from {number_text(self.low)} to {number_text(self.high)}"

    def parse(self, text: str) -> float | None:
        """The value that a link means, or None."""
        try:
            value = float(text)
        except ValueError:
            return None
        return value if self.low <= value <= self.high else None

    def near(self, value: Value) -> float:
        """The nearest value that may be chosen."""
        return min(max(float(value), self.low), self.high)

    def text(self, value: Value) -> str:
        """A value as it stands in a link."""
        return number_text(value)


@dataclass(frozen=True)
class Whole(Number):
    """A number without a fraction."""

    low: int
    high: int
    default: int
    kind: ClassVar[str] = "a whole number"

    def parse(self, text: str) -> int | None:
        """The value that a link means, or None."""
        try:
            value = int(text)
        except ValueError:
            return None
        return value if self.low <= value <= self.high else None

    def near(self, value: Value) -> int:
        """The nearest value that may be chosen."""
        return round(min(max(float(value), self.low), self.high))


def read(key: str, control: Control[T], text: str | None) -> tuple[T, list[str]]:
    """The value that a link gives to a key, the default where it gives none or a bad one; what is wrong with it.

    Args:
        key: for the sentence on what is wrong.
        control: what may be chosen.
        text: what the link says; None where it does not name the key.
    """
    if text is None:
        return control.default, []
    value = control.parse(text)
    if value is not None:
        return value, []
    instead = control.text(control.default) or "none"
    problem = f"`{key}` is `{quoted(text)}`; allowed: {control.allowed}. Using {instead} instead."
    return control.default, [problem]


def number_text(value: Value) -> str:
    """A value as it stands in a link or in a sentence: no needless zeros."""
    return format(value, ".10g") if isinstance(value, float) else str(value)


def quoted(text: str) -> str:
    """Untrusted text, short and free of Markdown's own signs."""
    clean = text.replace("`", "'").replace("\n", " ")
    return clean if len(clean) <= 40 else clean[:40] + "…"
