"""The progress of a run on standard error."""

import sys

from core.spec.events import STAGES, Event
from core.system.numbers import digits


class ProgressLine:
    """An observer of a run: on a terminal one line per stage, updated in place; else only the titles of stages."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, event: Event) -> None:
        """Print an event."""
        on_terminal = sys.stderr.isatty()
        if event.stage != self._stage:
            self._stage = event.stage
            sys.stderr.write("\n" if on_terminal else STAGES[event.stage] + "\n")
        if on_terminal:
            values = "  ".join(f"{name} {digits(value, 4)}" for name, value in event.values.items())
            count = f" {event.done}/{event.total}" if event.total else ""
            sys.stderr.write(f"\r\033[K{STAGES[event.stage]}{count}  {values}")
        sys.stderr.flush()
