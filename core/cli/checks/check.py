"""What one look at this machine has come to."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]
WIDTH = 100
MOST_LINES = 40
_ORDER: tuple[State, ...] = ("ok", "warning", "fault")


@dataclass(frozen=True)
class Check:
    """Something that was looked at.

    Attributes:
        name: what, in a word or two.
        state: "warning" where the lab works, but not all of it or not as it could; "fault" where it does not.
        text: how it is.
        remedy: what to do, a sentence; "" where there is nothing to do.
    """

    name: str
    state: State
    text: str
    remedy: str = ""


def worst(checks: Sequence[Check]) -> State:
    """The state of the worst check; "ok" of none."""
    return max((check.state for check in checks), key=_ORDER.index, default="ok")


def as_text(checks: Sequence[Check]) -> str:
    """Checks for the terminal: at most `MOST_LINES` lines of `WIDTH` columns.

    Where more would be needed, faults come first, then warnings, and the last line says how many lines are left out.
    """
    counts = {state: sum(check.state == state for check in checks) for state in _ORDER}
    summary = ", ".join(
        f"{count} {state if state == 'ok' or count == 1 else state + 's'}" for state, count in counts.items() if count
    )
    whole = [line for check in checks for line in _lines(check)]
    most = MOST_LINES - 1
    if len(whole) <= most:
        return "\n".join([*whole, summary])
    kept = [line for check in sorted(checks, key=lambda check: -_ORDER.index(check.state)) for line in _lines(check)]
    left_out = len(whole) - most
    return "\n".join([*kept[:most], f"{summary}; {left_out} more lines in --json"])


def _lines(check: Check) -> list[str]:
    """A check, wrapped: its state, its name, how it is, and what to do."""
    indent = " " * 22
    first = f"{check.state:<8} {check.name:<12} "
    lines = textwrap.wrap(check.text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    if check.remedy:
        lines += textwrap.wrap(
            f"-> {check.remedy}", WIDTH, initial_indent=indent, subsequent_indent=indent + "   ", break_on_hyphens=False
        )
    return lines
