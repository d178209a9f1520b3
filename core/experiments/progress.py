"""How far a run is, and how long it still takes: the estimate of before, corrected by what it has taken so far."""

import math
from collections.abc import Mapping

from core.spec.events import STAGES

_PRIOR_STEPS = 0.15
"""Weight of the estimate of a stage beside its own steps, in steps, as a fraction of all: the first are often slow."""
_PRIOR_RUN = 0.2
"""Weight of the estimate of a run beside its finished stages, as a fraction of the estimate."""


class ProgressEstimate:
    """Progress of a run, from its elapsed and its estimated remaining time.

    A run has a pace: how much longer its finished stages took than expected, as on a machine that does more besides.
    The current stage is extrapolated from its own steps once it has done some; later stages use the estimate, at the
    pace of the run.

    Args:
        stages: expected seconds of each stage, from `core.experiments.cost.estimate`.
    """

    def __init__(self, stages: Mapping[str, float]) -> None:
        self.stage = ""
        self.done = 0
        self.total = 0
        self._stages = stages
        self._order = {stage: i for i, stage in enumerate(STAGES)}
        self._begun = self._stage_begun = math.nan
        self._fraction = 0.0
        self._expected = self._spent = _PRIOR_RUN * sum(stages.values())

    def update(self, stage: str, done: int, total: int, now: float) -> None:
        """Handle an event.

        Args:
            stage: a key of `core.spec.events.STAGES`.
            done: finished steps of the stage.
            total: steps of the stage; 0 if unknown.
            now: time of the event, in seconds of any clock.
        """
        if not self.stage:
            self._begun = now
        if stage != self.stage:
            if self._stages.get(self.stage):
                self._expected += self._stages[self.stage]
                self._spent += now - self._stage_begun
            self._stage_begun = now
        self.stage, self.done, self.total = stage, done, total

    def seconds_left(self, now: float) -> float:
        """Expected seconds until the end of the run."""
        if not self.stage:
            return sum(self._stages.values())
        pace = self._spent / self._expected if self._expected else 1.0
        position = self._order[self.stage]
        later = pace * sum(seconds for stage, seconds in self._stages.items() if self._order[stage] > position)
        expected = pace * self._stages.get(self.stage, 0.0)
        spent = now - self._stage_begun
        if 0 < self.done <= self.total and spent > 0:
            prior = _PRIOR_STEPS * self.total if expected else 0.0
            step = (spent + prior * expected / self.total) / (self.done + prior)
            return later + step * (self.total - self.done)
        # A stage that outlasts its estimate is never reported as complete.
        return later + max(expected - spent, 0.1 * spent)

    def fraction(self, now: float) -> float:
        """Completed fraction of the run, in [0, 1]; never decreases."""
        if self.stage:
            spent = now - self._begun
            self._fraction = max(self._fraction, spent / max(spent + self.seconds_left(now), 1e-9))
        return self._fraction
