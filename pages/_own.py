"""What a page keeps in the URL for itself, beside the settings of the sidebar, so that a link opens the same view.

A page has its keys in `keys`. It asks for each of them before it draws the widget, whose key is `widget(key)`, and says
what may be chosen there, for only the page knows that. The shell writes the link once the page is drawn; a fragment,
which can be drawn alone, writes it itself.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import numpy as np
import streamlit as st

from pages import _address, _state
from pages._controls import Choice, Control, V, Value, number_text, read

T = TypeVar("T")

BY_THE_PAGE: tuple[str, ...] = ("run", "runs", "step", "code")
"""Keys that a page without controls reads and writes itself: another run there is another page to go back to."""


@dataclass(frozen=True)
class Switch:
    """On or off."""

    default: bool
    allowed = "on, off"

    def parse(self, text: str) -> bool | None:
        """The value that a link means, or None."""
        return {"on": True, "off": False}.get(text)

    def near(self, value: bool) -> bool:
        """The value itself."""
        return bool(value)

    def text(self, value: bool) -> str:
        """As it stands in a link."""
        return "on" if value else "off"


@dataclass(frozen=True)
class Several(Generic[V]):
    """Any number of several: `options` are their values, in the order of which they stand where `is_ordered`."""

    options: Sequence[V]
    default: list[V]
    is_ordered: bool = False

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return f"some of {', '.join(map(number_text, self.options))}"

    def parse(self, text: str) -> list[V] | None:
        """The values that a link means, or None."""
        known = {number_text(value): value for value in self.options}
        names = text.split(",") if text else []
        return self.near([known[name] for name in dict.fromkeys(names)]) if set(names) <= known.keys() else None

    def near(self, value: Sequence[V]) -> list[V]:
        """Those that may be chosen."""
        first, second = (self.options, value) if self.is_ordered else (value, self.options)
        return [option for option in first if option in second]

    def text(self, value: Sequence[Value]) -> str:
        """As they stand in a link."""
        return ",".join(map(number_text, value))


@dataclass(frozen=True)
class Rows:
    """Some of `count` points by their rows: numbers where they are few, else a packed mask, which sorts them."""

    count: int
    default: list[int]
    most_numbers = 20

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return f"numbers of points, from 0 to {self.count - 1}"

    def parse(self, text: str) -> list[int] | None:
        """The rows that a link means, or None."""
        if text.startswith("~"):
            return self._unpacked(text[1:])
        names = text.split(",") if text else []
        if not all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names):
            return None
        rows = list(dict.fromkeys(map(int, names)))
        return rows if max(rows, default=0) < self.count else None

    def near(self, value: Sequence[int]) -> list[int]:
        """Those that there are."""
        return [row for row in value if row < self.count]

    def text(self, value: Sequence[int]) -> str:
        """As they stand in a link."""
        if len(value) <= self.most_numbers:
            return ",".join(map(str, value))
        mask = np.zeros(self.count, bool)
        mask[list(value)] = True
        return "~" + base64.urlsafe_b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode().rstrip("=")

    def _unpacked(self, text: str) -> list[int] | None:
        size = -(-self.count // 8)
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
            # No more than fits: a link must not fill the memory.
            mask = zlib.decompressobj().decompress(packed, size + 1)
        except (binascii.Error, ValueError, zlib.error):
            return None
        bits = np.unpackbits(np.frombuffer(mask, np.uint8))
        return np.flatnonzero(bits).tolist() if len(mask) == size and not bits[self.count :].any() else None


def keys(page: str) -> tuple[str, ...]:
    """What a page asks for here, beside the settings of the sidebar."""
    own = _address.VIEWS.get(page, ())
    if page == "playground":  # its component has a link of its own
        return ()
    return tuple(key for key in own if key not in BY_THE_PAGE) if page in _address.WITHOUT_CONTROLS else own


def follow(page: str, query: Mapping[str, str], *, is_kept: bool = False) -> None:
    """Note what a link says of a page's own keys; what the page had chosen before is forgotten.

    Args:
        page: its path.
        query: the link.
        is_kept: whether it is what the person left there, and not an address.
    """
    state = st.session_state
    state.own_is_kept = is_kept
    state.own, state.own_values = {key: query[key] for key in keys(page) if key in query}, {}
    for key in keys(page):
        state.pop(widget(key, page), None)


def touched() -> bool:
    """Whether a person has just changed one of the page's widgets."""
    state = st.session_state
    return any(state.get(widget(key), value) != value for key, value in state.own_values.items())


def widget(key: str, page: str | None = None) -> str:
    """The key of the widget of one of the page's keys, and of its value in the session."""
    return f"{page or st.session_state.page}-{key}"


@overload
def ask(key: str, control: Control[T], *, plain: T | None = None) -> T: ...


@overload
def ask(key: str, control: Control[T] | None, *, plain: T | None = None) -> T | None: ...


def ask(key: str, control: Control[T] | None, *, plain: T | None = None) -> T | None:
    """What is chosen for a key, before its widget is drawn: what the person says, else what the link says.

    Args:
        key: one of the page's own keys.
        control: what may be chosen; None where the key has no use.
        plain: the value that a link leaves out; by default that of `control`.
    """
    state, name = st.session_state, widget(key)
    text = state.own.pop(key, None)
    if control is None:
        if text is not None and key not in state.own_values:
            state.problems = [*state.problems, _state.not_applicable(key)]
        state.own_values.pop(key, None)
        state.pop(name, None)
        return None
    if name in state:
        value = control.default if state[name] is None else control.near(state[name])
    else:
        value, problem = read(key, control, text)
        state.problems = [*state.problems, *problem]
    if state.own_values.get(key, value) != value:
        state.problems = []
    if name not in state or state[name] != value:
        state[name] = value
    state.own_values[key] = value
    if value != (control.default if plain is None else plain):
        state.own[key] = control.text(value)
    return value


def segments(key: str, label: str, choice: Choice[V], *, help: str) -> V:
    """What is chosen for a key by buttons in a row, of which one is always pressed.

    Args:
        key: one of the page's own keys.
        label: of the buttons.
        choice: what may be chosen.
        help: what the choice is about.
    """
    value = ask(key, choice)
    options = choice.options
    st.segmented_control(
        label, list(options), format_func=options.__getitem__, required=True, key=widget(key), help=help
    )
    return value


def write() -> None:
    """Bring the link in step with what was asked; also within a fragment."""
    state = st.session_state
    own, is_alone = keys(state.page), state.page in _address.WITHOUT_CONTROLS
    before = st.query_params.to_dict() if is_alone else state.link
    state.link = {key: text for key, text in before.items() if key not in own} | state.own
    if not is_alone:
        state.link = _state.versioned(state.link, own)
    state.views[state.page] = _address.own_part(state.page, state.link)
    if st.query_params.to_dict() != state.link:
        st.query_params.from_dict(state.link)
