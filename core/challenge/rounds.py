"""The course of a challenge: which round is open, until when, what the board shows of it, and what the class sees."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from core.challenge.rules import RoundKind, Rules
from core.system.errors import ChallengeError

Phase = Literal["waiting", "open", "over", "finished"]
"""Before the first round; within a round; between two; after the reveal."""


@dataclass(frozen=True)
class Course:
    """How far a challenge is. Times are in epoch seconds.

    Attributes:
        round: number of the round that was started last, from 0; -1 before the first.
        started: when that was.
        ended: when the teacher ended it, before its time; None if they didn't.
        frozen: when the board was frozen: the class sees nothing that was handed in later; None if it isn't.
        revealed: whether the challenge is over and everything is shown.
        hidden: people whose names are not shown.
        shown: steps of lessons whose predictions the class may see, as `LESSON-STEP`.
    """

    round: int = -1
    started: float = 0.0
    ended: float | None = None
    frozen: float | None = None
    revealed: bool = False
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Course":
        """Read the output of `to_json`.

        Raises:
            KeyError, TypeError: it is none.
        """
        known = {**asdict(cls()), **values}
        return cls(**{**known, "hidden": tuple(known["hidden"]), "shown": tuple(known["shown"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def until(self, rules: Rules) -> float:
        """When the round that was started last ends."""
        limit = self.started + 60.0 * rules.minutes
        return limit if self.ended is None else min(limit, self.ended)

    def phase(self, rules: Rules, now: float) -> Phase:
        """What may be done now."""
        if self.revealed:
            return "finished"
        if self.round < 0:
            return "waiting"
        return "open" if now < self.until(rules) else "over"

    def kind(self, rules: Rules) -> RoundKind | None:
        """Of the round that was started last; None before the first."""
        return None if self.round < 0 else rules.rounds[self.round]

    def with_next_round(self, rules: Rules, now: float) -> "Course":
        """With the next round started.

        Raises:
            ChallengeError: a round is open, there is none left, or the challenge is over.
        """
        phase = self.phase(rules, now)
        if phase in ("open", "finished"):
            what = "A round is open: end it first." if phase == "open" else "The challenge is over: open another one."
            raise ChallengeError(what)
        if self.round + 1 >= len(rules.rounds):
            raise ChallengeError("The last round is over: reveal the result, or open another challenge.")
        return replace(self, round=self.round + 1, started=now, ended=None)

    def with_end(self, now: float) -> "Course":
        """With the open round ended now."""
        return replace(self, ended=now)

    def with_board(self, *, frozen: float | None) -> "Course":
        """With the board frozen at a time, or live again."""
        return replace(self, frozen=frozen)

    def with_reveal(self, now: float) -> "Course":
        """With everything shown, and no round open any more."""
        return replace(self, ended=now if self.ended is None else self.ended, frozen=None, revealed=True)

    def with_person(self, person: str, *, hidden: bool) -> "Course":
        """With a person's name hidden or shown."""
        others = tuple(name for name in self.hidden if name != person)
        return replace(self, hidden=(*others, person) if hidden else others)

    def with_predictions(self, step: str, *, shown: bool) -> "Course":
        """With the predictions of a step shown to the class or not."""
        others = tuple(name for name in self.shown if name != step)
        return replace(self, shown=(*others, step) if shown else others)
