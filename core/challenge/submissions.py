"""What people hand in, on disk: each is confirmed once it is there, and stays pending until it has a verdict."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from core.catalog.lookup import data_info
from core.challenge.folder import Challenge
from core.challenge.people import Person
from core.challenge.poison_files import read_poison, write_poison
from core.challenge.rules import RoundKind, Rules
from core.data.registry import is_user_supplied
from core.defences.chain import as_text, parse_chain
from core.spec.sides import SIDE
from core.system.errors import ChallengeError
from core.system.files import replacing
from core.system.numbers import counted

SubmissionKind = Literal["attack", "poison", "defence"]
REFUSED_PER_TRY = 3
"""What breaks the rules costs no try; but so many times the tries are all that a person may hand in."""
FILE_LETTERS = 60


@dataclass(frozen=True)
class Submission:
    """One submission.

    Attributes:
        id: its number and some random digits.
        person, name: digest of the person's key, and their name.
        round: in which it was handed in, from 0.
        time: when, in epoch seconds.
        kind: settings of an attack, poison made elsewhere, or a chain of defences.
        attack: `name` and parameters, of settings.
        evade: the defence that the poison is made to pass, of settings.
        chain: defences as text, see `core.defences.chain.parse_chain`.
        file: name of the file, of poison made elsewhere.
    """

    id: str
    person: str
    name: str
    round: int
    time: float
    kind: SubmissionKind
    attack: Mapping[str, Any] | None = None
    evade: str | None = None
    chain: tuple[str, ...] = ()
    file: str = ""

    @property
    def is_attack(self) -> bool:
        """Whether it is poison, in one way or the other."""
        return self.kind != "defence"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Submission":
        """Read the output of `to_json`.

        Raises:
            TypeError: it is none.
        """
        return cls(**{**values, "chain": tuple(values.get("chain", ()))})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def hand_in_attack(challenge: Challenge, person: Person, attack: Mapping[str, Any], evade: str | None) -> Submission:
    """Hand in settings of an attack.

    Args:
        challenge: with an open attack round.
        person: who takes part.
        attack: its `name` and parameters.
        evade: a defence that the poison is made to pass, or None.

    Raises:
        SpecError, ChallengeError: see `Rules.attack_spec`, or the person may not hand in anything now.
    """
    spec = challenge.rules.attack_spec(attack, evade)
    return _add(challenge, person, "attack", attack=spec.attack.model_dump(mode="json"), evade=spec.evade)


def hand_in_poison(challenge: Challenge, person: Person, path: Path, name: str) -> Submission:
    """Hand in poison made elsewhere; of the file, only numbers are kept.

    Args:
        challenge: with an open attack round.
        person: who takes part.
        path: of the file.
        name: by which the person knows it.

    Raises:
        DataError: see `read_poison`.
        ChallengeError: the person may not hand in anything now.
    """
    _check_turn(challenge, person, "attack")  # before a large file is unpacked
    poison = read_poison(path, name, image_shape(challenge.rules), challenge.rules.experiment.n_poison)
    return _add(challenge, person, "poison", content=write_poison(poison), file=_file_name(name))


def hand_in_defence(challenge: Challenge, person: Person, texts: list[str]) -> Submission:
    """Hand in a chain of defences.

    Args:
        challenge: with an open defence round.
        person: who takes part.
        texts: see `core.defences.chain.parse_chain`.

    Raises:
        SpecError: a defence or a parameter is unknown or out of bounds.
        ChallengeError: there is no defence in it, or the person may not hand in anything now.
    """
    chain = parse_chain(texts)
    if not chain:
        raise ChallengeError("A chain needs at least one defence: choose some.")
    return _add(challenge, person, "defence", chain=tuple(as_text(defence) for defence in chain))


def image_shape(rules: Rules) -> tuple[int, int, int]:
    """(C, H, W) of the images of a challenge."""
    spec = rules.experiment
    shape, side = data_info(spec.data).shape, spec.side or SIDE
    return (shape[0], side, side) if is_user_supplied(spec.data) else shape


def all_submissions(challenge: Challenge) -> list[Submission]:
    """Everything that was handed in, in order."""
    kept = (challenge.read("submissions", name) for name in challenge.names("submissions"))
    return [Submission.from_json(values) for values in kept if values is not None]


def pending(challenge: Challenge) -> list[Submission]:
    """What has no verdict yet, in order."""
    judged = set(challenge.names("verdicts"))
    return [entry for entry in all_submissions(challenge) if entry.id not in judged]


def tries_left(challenge: Challenge, person: Person, round_: int) -> int:
    """How many submissions a person may still hand in this round.

    Args:
        challenge: the challenge.
        person: who takes part.
        round_: number of the round.
    """
    own = [entry for entry in all_submissions(challenge) if entry.person == person.id and entry.round == round_]
    verdicts = [challenge.read("verdicts", entry.id) for entry in own]
    refused = sum(bool(verdict is not None and verdict["state"] != "judged") for verdict in verdicts)
    tries = challenge.rules.tries
    left: int = min(tries - (len(own) - refused), REFUSED_PER_TRY * tries - len(own))
    return max(0, left)


def _check_turn(challenge: Challenge, person: Person, kind: RoundKind) -> int:
    """The number of the round that is open.

    Raises:
        ChallengeError: none is open, another kind is, or the person has no try left.
    """
    course = challenge.course()
    if course.phase(challenge.rules, time.time()) != "open":
        raise ChallengeError("No round is open: nothing can be handed in now.")
    if course.kind(challenge.rules) != kind:
        other = "attacks" if kind == "defence" else "defences"
        raise ChallengeError(f"This round is for {other}: wait for the next one.")
    if tries_left(challenge, person, course.round) < 1:
        tries = counted(challenge.rules.tries, "submission")
        raise ChallengeError(f"You have handed in what a round allows, {tries}: wait for the next one.")
    return course.round


def _add(
    challenge: Challenge, person: Person, kind: SubmissionKind, content: bytes | None = None, **parts: Any
) -> Submission:
    """Write a submission; once it is there, it is confirmed.

    Args:
        challenge: the challenge.
        person: who takes part.
        kind: of the submission.
        content: an npz, of poison made elsewhere.
        parts: further attributes.
    """
    with challenge.locked():
        round_ = _check_turn(challenge, person, "defence" if kind == "defence" else "attack")
        number = len(challenge.names("submissions")) + 1
        entry = Submission(
            f"{number:05d}-{secrets.token_hex(4)}", person.id, person.name, round_, time.time(), kind, **parts
        )
        if content is not None:
            write_npz(challenge, "submissions", entry.id, content)
        challenge.write("submissions", entry.id, entry.to_json())
        return entry


def write_npz(challenge: Challenge, folder: str, name: str, content: bytes) -> None:
    """Write the poison of a submission.

    Args:
        challenge: the challenge.
        folder: "submissions" or "verdicts".
        name: id of the submission.
        content: of the file.

    Raises:
        ChallengeError: the disk is full or not writable.
    """
    try:
        with replacing(npz_path(challenge, folder, name)) as file:
            file.write(content)
    except OSError as error:
        raise ChallengeError(f"The submission can't be kept ({error.strerror}): make room on the disk.") from error


def npz_path(challenge: Challenge, folder: str, name: str) -> Path:
    """The path of the poison of a submission; arguments as for `write_npz`."""
    path = challenge.path(folder, name)
    return path.with_name(f"{path.name}.npz")


def _file_name(name: str) -> str:
    """A file's name for the board: short, and only what can be printed."""
    return "".join(letter for letter in name if letter.isprintable())[-FILE_LETTERS:]
