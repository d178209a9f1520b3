"""Codes and keys of challenges: what a class types, what a link holds, and how guessing is bounded.

A code is for the projector: eight characters of thirty, 39 bits. A key is a secret link's: 128 bits, kept as a digest.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque

from core.system.errors import ChallengeError

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is easily mistaken: 0 and O, 1, I and L, U and V."""
LENGTH = 8
KEY_BYTES = 16
WINDOW_SECONDS = 60.0
WRONG_OF_PERSON = 10
"""Wrong codes that one person may try in a minute."""
WRONG_OF_ALL = 600
"""Wrong codes that all people together may try in a minute: a new name does not help who guesses."""


def new_code() -> str:
    """A new code, as it is kept: without a hyphen."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """A code as a projector shows it: `ABCD-EFGH`."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def parse(text: str) -> str | None:
    """The code that a person typed, in any case, with hyphens or spaces; None if it can't be one."""
    code = "".join(text[:40].split()).replace("-", "").upper()
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


def new_key() -> str:
    """A new secret for a link: 32 hexadecimal digits."""
    return secrets.token_hex(KEY_BYTES)


def digest(key: str) -> str:
    """What is kept of a key: 32 hexadecimal digits, from which it can't be had."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def matches(key: str, kept: str) -> bool:
    """Whether a key has this digest; takes as long whatever is wrong."""
    return hmac.compare_digest(digest(key), kept)


class Guesses:
    """Bounds wrong codes in a minute, for each person and for all together. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: deque[tuple[float, str]] = deque(maxlen=WRONG_OF_ALL)

    def check(self, person: str) -> None:
        """Refuse a person who has guessed too often, whatever the next code is.

        Raises:
            ChallengeError: they have, or all together have.
        """
        with self._lock:
            now = time.monotonic()
            while self._times and now - self._times[0][0] > WINDOW_SECONDS:
                self._times.popleft()
            wrong = sum(who == person for _, who in self._times)
            if wrong >= WRONG_OF_PERSON or len(self._times) >= WRONG_OF_ALL:
                raise ChallengeError("Too many wrong codes were tried; wait a minute, then type the code again.")

    def note(self, person: str) -> None:
        """Note a wrong code."""
        with self._lock:
            self._times.append((time.monotonic(), person))
