"""What submissions are worth, on disk. Without torch."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.challenge.folder import Challenge
from core.challenge.rules import MOST_OPPONENTS
from core.challenge.submissions import Submission, all_submissions
from core.system import finite_json

REFERENCE = "reference"
"""In place of a submission's id: the attack that the challenge begins with."""


@dataclass(frozen=True)
class Pair:
    """An attack against a chain of defences.

    Attributes:
        attack, defence: ids of submissions; `REFERENCE` for the challenge's own attack, "" for no defence.
        accuracy: of the head on the hidden test split, in [0, 1].
        damage: percentage points below the head of the clean training set.
    """

    attack: str
    defence: str
    accuracy: float
    damage: float


@dataclass(frozen=True)
class Verdict:
    """What a submission is worth, or why it is worth nothing.

    Attributes:
        id: of the submission.
        state: judged; refused, as it breaks a rule; or failed, for a reason of the server's.
        reason: of a refusal or a failure, in a sentence; "" else.
        clean: accuracy of the head of the clean training set, in [0, 1].
        pairs: of an attack, without a defence first; of a defence, against each of its opponents.
    """

    id: str
    state: Literal["judged", "refused", "failed"]
    reason: str = ""
    clean: float = math.nan
    pairs: tuple[Pair, ...] = ()

    @property
    def damage(self) -> float:
        """What counts: of an attack, against the best defence where there is one; of a defence, the largest."""
        if not self.pairs:
            return math.nan
        return self.pairs[-1].damage if self.pairs[-1].attack == self.id else max(pair.damage for pair in self.pairs)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Verdict":
        """Read the output of `to_json`.

        Raises:
            KeyError, TypeError: it is none.
        """
        pairs = tuple(Pair(**pair) for pair in values["pairs"])
        return cls(**{**values, "clean": finite_json.number(values["clean"]), "pairs": pairs})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def verdict_of(challenge: Challenge, submission: str) -> Verdict | None:
    """The verdict on a submission; None while there is none."""
    kept = challenge.read("verdicts", submission)
    return None if kept is None else Verdict.from_json(kept)


def opponents(challenge: Challenge, submission: Submission) -> list[str] | None:
    """What a submission meets: attacks of earlier rounds for a defence, the best defence of those for an attack.

    They depend on earlier rounds alone, so that all submissions of a round meet the same. Of attacks with the same
    settings, which make the same poison, a defence meets one.

    Returns:
        Their ids, the strongest first; for a defence at least `REFERENCE`. None while one of them is not judged yet.
    """
    earlier = [entry for entry in all_submissions(challenge) if entry.round < submission.round]
    others = [entry for entry in earlier if entry.is_attack != submission.is_attack]
    verdicts = [verdict_of(challenge, entry.id) for entry in others]
    if None in verdicts:
        return None
    judged = [verdict for verdict in verdicts if verdict is not None and verdict.state == "judged"]
    if submission.is_attack:
        return [verdict.id for verdict in sorted(judged, key=lambda verdict: (verdict.damage, verdict.id))][:1]
    # By what each does without a defence: which defence it met depends on its round.
    strongest = sorted(judged, key=lambda verdict: (-verdict.pairs[0].damage, verdict.id))
    settings = {entry.id: _settings(entry) for entry in others}
    first: dict[str, str] = {}
    for verdict in strongest:
        first.setdefault(settings[verdict.id], verdict.id)
    return list(first.values())[:MOST_OPPONENTS] or [REFERENCE]


def _settings(attack: Submission) -> str:
    """What an attack has in common with others that make the same poison; its id where it is poison made elsewhere."""
    if attack.kind == "poison":
        return attack.id
    return finite_json.dumps([attack.attack, attack.evade], sort_keys=True)
