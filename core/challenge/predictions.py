"""What a class predicted in a step of a lesson, as it comes in; the teacher decides when the class sees it."""

import re
import time
from collections import Counter
from dataclasses import dataclass

from core.challenge.folder import Challenge
from core.system.errors import ChallengeError

MOST_ANSWERS = 500
"""To one question; more are passed over, as each takes room on the disk."""
_LESSON = re.compile(r"[a-z]{2,12}")


@dataclass(frozen=True)
class Tally:
    """The answers to one question.

    Attributes:
        answers: how often each was given, as a link of the lesson has it.
        count: how many people answered.
    """

    answers: dict[str, int]
    count: int

    def share(self, answer: str) -> float:
        """Of the people who answered, the share that gave an answer; 0 if nobody did."""
        return self.answers.get(answer, 0) / self.count if self.count else 0.0


def key_of(lesson: str, step: int) -> str:
    """The name of a step.

    Args:
        lesson: its id.
        step: from 0.

    Raises:
        ChallengeError: it can't be one.
    """
    if not _LESSON.fullmatch(lesson) or not 0 <= step < 100:
        raise ChallengeError("There is no such step of a lesson.")
    return f"{lesson}-{step + 1}"


def predict(challenge: Challenge, person: str, step: str, answer: str) -> None:
    """Note what a person predicted, the first time: a second answer may know the result.

    Args:
        challenge: that the class has joined.
        person: digest of a key of theirs; they need no name.
        step: see `key_of`.
        answer: as a link of the lesson has it.

    Raises:
        ChallengeError: the disk is not writable.
    """
    with challenge.locked():
        there = challenge.names("predictions", step)
        if person not in there and len(there) < MOST_ANSWERS:
            challenge.write("predictions", step, person, {"answer": answer[:40], "time": time.time()})


def tally(challenge: Challenge, step: str) -> Tally:
    """The answers of a step so far."""
    kept = (challenge.read("predictions", step, name) for name in challenge.names("predictions", step))
    answers = Counter(str(content["answer"]) for content in kept if content is not None)
    return Tally(dict(answers), answers.total())


def steps(challenge: Challenge) -> list[str]:
    """The steps that somebody has answered, in order."""
    folder = challenge.path("predictions")
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
