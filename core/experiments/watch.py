"""The observer inside a run: forwards events, times the stages and records the curve."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from core.experiments import trajectory
from core.experiments.previews import Previewer
from core.experiments.summary import CurvePoint
from core.spec.events import Event, Observer


@dataclass
class RunWatch:
    """Forwards events, and records the seconds of each stage and the curve of the run.

    Args:
        on_event: receives every event.
        recorder: records states of the attack; None where no trajectory is wanted.
        previewer: makes previews of the attack for those who follow the run; None before it begins.

    Seconds under a name that is not a stage's, such as `extract_cached`, are not used to estimate its cost.
    """

    on_event: Observer
    recorder: trajectory.TrajectoryRecorder | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    curve: list[CurvePoint] = field(default_factory=list)
    previewer: Previewer | None = None
    _inside: str = ""
    _since: float = 0.0

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        if event.stage != self._inside:
            self._switch(event.stage)
        if self.recorder is not None:
            self.recorder(event)
        if event.values:
            self.curve.append(CurvePoint(event.stage, event.done, dict(event.values)))
        if self.previewer is not None and event.snapshot is not None:
            event = replace(event, preview=partial(self.previewer, event))
        self.on_event(event)

    @contextmanager
    def stage(self, name: str, book_as: str = "") -> Iterator[None]:
        """Time the body of a `with` statement as a stage, whose seconds may be booked under another name."""
        before = self.seconds.get(name)
        self(Event(name))
        yield
        self.end_stage()
        if book_as:
            spent = self.seconds.pop(name) - (before or 0.0)
            self.seconds[book_as] = self.seconds.get(book_as, 0.0) + spent
            if before is not None:
                self.seconds[name] = before

    def end_stage(self) -> None:
        """End the current stage, e.g. one that an attack began by an event."""
        self._switch("")

    def rename(self, stage: str, name: str) -> None:
        """Move the seconds of a stage to another name."""
        self.seconds[name] = self.seconds.pop(stage)

    def _switch(self, name: str) -> None:
        now = time.perf_counter()
        if self._inside:
            self.seconds[self._inside] = self.seconds.get(self._inside, 0.0) + now - self._since
        self._inside, self._since = name, now
