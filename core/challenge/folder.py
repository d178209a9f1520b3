"""Challenges on disk: one folder each, which several servers on one store share.

    challenges/CODE/
        challenge.json      rules, digest of the teacher's key, owner: written once
        course.json         how far it is; replaced as a whole, under the lock
        people/ID.json      who takes part; ID is the digest of their key
        submissions/ID.json what was handed in, and submissions/ID.npz, the poison of their own: written once
        verdicts/ID.json    what it is worth, and verdicts/ID.npz, the poison that was judged: written once
        predictions/LESSON-STEP/ID.json
        lock                held while several of these change together

What is confirmed to a person was written before: a file is there whole, or not at all.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.challenge import codes
from core.challenge.rounds import Course
from core.challenge.rules import Rules, parse_rules
from core.system import finite_json, locks, paths
from core.system.errors import ChallengeError, SpecError
from core.system.files import write_text

UNKNOWN = "There is no challenge with this code: check it, or ask whoever opened it."
MOST_CHALLENGES = 1000
"""On one server; more are refused, as each takes room on its disk."""
_ID = re.compile(r"[0-9a-z-]{1,64}")
_threads = threading.Lock()
"""Held beside the lock on disk, which some file systems do not have."""


@dataclass(frozen=True)
class Challenge:
    """A challenge that is there.

    Attributes:
        folder: on disk; its name is the code.
        rules: which never change.
        teacher: digest of the teacher's key.
        owner: digest of whoever opened it while logged in; "" if nobody was.
        opened: in epoch seconds.
    """

    folder: Path
    rules: Rules
    teacher: str
    owner: str
    opened: float

    @property
    def code(self) -> str:
        """What the class types."""
        return self.folder.name

    def is_teacher(self, key: str, owner: str = "") -> bool:
        """Whether a key, or a login, has the teacher's rights.

        Args:
            key: of the secret link; "" without one.
            owner: name of the person who is logged in; "" if nobody is.
        """
        return codes.matches(key, self.teacher) or bool(owner and self.owner and codes.matches(owner, self.owner))

    def course(self) -> Course:
        """How far it is.

        Raises:
            ChallengeError: the file is damaged.
        """
        try:
            return Course.from_json(json.loads((self.folder / "course.json").read_text()))
        except FileNotFoundError:
            return Course()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ChallengeError(f"course.json of challenge {self.code} can't be read: restore it.") from error

    def change(self, step: Callable[[Course], Course]) -> Course:
        """Take the challenge a step further; of two that come at once, each sees what the other did.

        Raises:
            ChallengeError: `step` refuses, or the disk does.
        """
        with self.locked():
            course = step(self.course())
            self.write("course", course.to_json())
            return course

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of this challenge, among threads and processes."""
        with _threads, (self.folder / "lock").open("a") as file:
            with suppress(OSError):  # a file system without locks: one server alone is still safe
                locks.lock(file)
            yield

    def path(self, *parts: str) -> Path:
        """The path of a file of it; a part is never more than a name.

        Raises:
            ChallengeError: a part is no name of this folder's.
        """
        if not all(_ID.fullmatch(part) for part in parts):
            raise ChallengeError("There is no such part of a challenge.")
        return self.folder.joinpath(*parts)

    def write(self, *parts: str | dict[str, Any]) -> None:
        """Write JSON: the parts of its name without the suffix, then its content.

        Raises:
            ChallengeError: the disk is full or not writable.
        """
        *names, content = parts
        path = self.path(*map(str, names))
        try:
            write_text(path.with_name(f"{path.name}.json"), finite_json.dumps(content, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise ChallengeError(
                f"The challenge can't be written ({error.strerror}): make room on the disk."
            ) from error

    def names(self, *parts: str) -> list[str]:
        """The names of the JSON files in a folder, without the suffix, sorted."""
        try:
            files = list(self.path(*parts).iterdir())
        except FileNotFoundError:
            return []
        return sorted(file.stem for file in files if file.suffix == ".json" and not file.name.startswith("."))

    def read(self, *parts: str) -> dict[str, Any] | None:
        """The content of a file that is written once; None if it is not there or damaged."""
        path = self.path(*parts)
        return _read_once(str(path.with_name(f"{path.name}.json")))


def open_challenge(rules: Rules, owner: str = "") -> tuple[Challenge, str]:
    """Open a challenge, and give its teacher's key, which is kept nowhere.

    Args:
        rules: of it.
        owner: name of the person who is logged in; "" if nobody is.

    Raises:
        ChallengeError: there are too many, or the disk is not writable.
    """
    root, key = paths.challenges(), codes.new_key()
    if len(list(root.glob("*"))) >= MOST_CHALLENGES:
        raise ChallengeError(f"There are {MOST_CHALLENGES:,} challenges on this server: delete old ones in {root}.")
    while True:
        folder = root / codes.new_code()
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise ChallengeError(f"No challenge can be kept in {root} ({error.strerror}): make room.") from error
    challenge = Challenge(folder, rules, codes.digest(key), codes.digest(owner) if owner else "", time.time())
    head = {
        "rules": rules.to_json(),
        "teacher": challenge.teacher,
        "owner": challenge.owner,
        "opened": challenge.opened,
    }
    challenge.write("challenge", head)
    return challenge, key


def find(code: str) -> Challenge:
    """The challenge with a code, as a person typed it.

    Raises:
        ChallengeError: there is none, or this version can't read it.
    """
    name = codes.parse(code)
    head = None if name is None else _read_once(str(paths.challenges() / name / "challenge.json"))
    if name is None or head is None:
        raise ChallengeError(UNKNOWN)
    try:
        rules = _rules(finite_json.dumps(head["rules"], sort_keys=True))
        return Challenge(paths.challenges() / name, rules, head["teacher"], head["owner"], head["opened"])
    except (KeyError, TypeError, SpecError) as error:
        raise ChallengeError(f"Challenge {codes.shown(name)} can't be read by this version ({error}).") from error


def all_challenges() -> list[Challenge]:
    """Every challenge that can be read, the newest first."""
    found = []
    for folder in paths.challenges().glob("*"):
        try:
            found.append(find(folder.name))
        except ChallengeError:
            continue
    return sorted(found, key=lambda challenge: challenge.opened, reverse=True)


@lru_cache(maxsize=256)
def _rules(text: str) -> Rules:
    return parse_rules(json.loads(text), stored=True)


def _read_once(path: str) -> dict[str, Any] | None:
    """A file that never changes once it is there, so that many viewers read it once."""
    try:
        return _content(path)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=20_000)
def _content(path: str) -> dict[str, Any]:
    value = json.loads(Path(path).read_text())
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
