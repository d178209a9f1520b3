"""The observer inside a run: passes events on, times the stages, and keeps the run's curve."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.experiments import trajectory
from core.experiments.summary import CurvePoint
from core.spec.events import Event, Observer


@dataclass
class RunWatch:
    """Passes events on, and keeps the seconds of each stage and the curve of the run.

    Args:
        on_event: who else wants to know.
        trail: keeps snapshots of the attack, where its trajectory is wanted.

    Seconds under another name than a stage's, such as `extract_cached`, tell nothing of what the stage costs.
    """

    on_event: Observer
    trail: trajectory.Trail | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    curve: list[CurvePoint] = field(default_factory=list)
    _inside: str = ""
    _since: float = 0.0

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if event.stage != self._inside:
            self._switch(event.stage)
        if self.trail is not None:
            self.trail(event)
        if event.values:
            self.curve.append(CurvePoint(event.stage, event.done, dict(event.values)))
        self.on_event(event)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage that begins and ends here."""
        self(Event(name))
        yield
        self.end_stage()

    def end_stage(self) -> None:
        """Close the stage that is open: an attack announces its own stages by events."""
        self._switch("")

    def rename(self, stage: str, name: str) -> None:
        """Keep the seconds of a stage under another name."""
        self.seconds[name] = self.seconds.pop(stage)

    def _switch(self, name: str) -> None:
        now = time.perf_counter()
        if self._inside:
            self.seconds[self._inside] = self.seconds.get(self._inside, 0.0) + now - self._since
        self._inside, self._since = name, now
