"""Who takes part in a challenge: a name of their own choice, without an account, and a key that their link holds."""

import time
import unicodedata
from dataclasses import dataclass

from core.challenge import codes
from core.challenge.folder import Challenge
from core.system.errors import ChallengeError

NAME_LETTERS = 24


@dataclass(frozen=True)
class Person:
    """One who takes part; `id` is the digest of their key."""

    id: str
    name: str


def clean_name(text: str) -> str:
    """A name as it is kept: one line, without spaces around it.

    Raises:
        ChallengeError: it is empty, too long, or holds what can't be printed.
    """
    name = " ".join(unicodedata.normalize("NFC", text[:200]).split())
    if not name or len(name) > NAME_LETTERS or not name.isprintable():
        raise ChallengeError(f"A name has 1 to {NAME_LETTERS} letters that can be printed: choose another one.")
    return name


def join(challenge: Challenge, text: str) -> tuple[Person, str]:
    """Let a person in under a name that nobody else there has, and give them their key.

    Raises:
        ChallengeError: the name is taken or no name, or the challenge is full or over.
    """
    name, key = clean_name(text), codes.new_key()
    with challenge.locked():
        if challenge.course().revealed:
            raise ChallengeError("This challenge is over: nobody can join it any more.")
        there = people(challenge)
        if len(there) >= challenge.rules.people:
            raise ChallengeError(f"{challenge.rules.people} people take part already; no more are allowed.")
        if _folded(name) in {_folded(person.name) for person in there}:
            raise ChallengeError("Somebody takes part under this name already: choose another one.")
        person = Person(codes.digest(key), name)
        challenge.write("people", person.id, {"name": name, "joined": time.time()})
    return person, key


def person_of(challenge: Challenge, key: str) -> Person | None:
    """Who has a key; None if nobody does."""
    identity = codes.digest(key)
    kept = challenge.read("people", identity) if key else None
    return None if kept is None else Person(identity, str(kept["name"]))


def people(challenge: Challenge) -> list[Person]:
    """Everyone who takes part."""
    kept = {identity: challenge.read("people", identity) for identity in challenge.names("people")}
    return [Person(identity, str(content["name"])) for identity, content in kept.items() if content is not None]


def _folded(name: str) -> str:
    """What two names have in common that look the same."""
    return unicodedata.normalize("NFKC", name).casefold()
