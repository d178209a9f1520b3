"""The challenge or class that this browser has joined: its code and the keys, kept in the session and in links."""

import re
from dataclasses import dataclass

import streamlit as st

from core.challenge import codes, folder, predictions, referee
from core.challenge.folder import Challenge
from core.challenge.people import Person, person_of
from core.system.errors import ChallengeError
from pages import _own, _runs

CODE = rf"[{codes.ALPHABET}]{{{codes.LENGTH}}}"
KEY = rf"[0-9a-f]{{{2 * codes.KEY_BYTES}}}"
_GUESSES = codes.Guesses()


@dataclass(frozen=True)
class Token:
    """A code or a key in a link; "" without one."""

    pattern: str
    default: str = ""
    allowed: str = "a code or key as the lab made it"

    def parse(self, text: str) -> str | None:
        """The value that a link means, or None."""
        return text if re.fullmatch(self.pattern, text) else None

    def near(self, value: str) -> str:
        """The value itself."""
        return value if re.fullmatch(self.pattern, value) else ""

    def text(self, value: str) -> str:
        """As it stands in a link."""
        return value


def kept(name: str) -> str:
    """What the session remembers: "code", "me" or "teacher"; ""."""
    return str(st.session_state.setdefault("class", {}).get(name, ""))


def keep(**values: str) -> None:
    """Remember the code and the keys; for callbacks, too: the page's own part of the link follows."""
    st.session_state.setdefault("class", {}).update(values)
    for name, value in values.items():
        key = _own.widget(name, "challenge")
        if key in st.session_state:
            st.session_state[key] = value


def read_link() -> None:
    """Take over what the link of the page of challenges says."""
    for name, pattern in (("code", CODE), ("me", KEY), ("teacher", KEY)):
        value = _own.ask(name, Token(pattern, kept(name)), plain="")
        st.session_state.setdefault("class", {})[name] = value


def find(code: str) -> Challenge:
    """The challenge with a code, within what may be guessed in a minute; judging goes on from now on.

    A code that this session has used before is no guess: whoever is in a challenge stays in it while others try codes.

    Raises:
        ChallengeError: there is none, or too many wrong codes were tried.
    """
    person, used = _runs.person(), st.session_state.setdefault("class-codes", set())
    if code not in used:
        _GUESSES.check(person)
    try:
        challenge = folder.find(code)
    except ChallengeError:
        _GUESSES.note(person)
        raise
    used.add(code)
    referee.start()
    return challenge


def joined() -> tuple[Challenge, Person] | None:
    """The challenge and who this is in it; None before."""
    if not kept("code") or not kept("me"):
        return None
    challenge = find(kept("code"))
    person = person_of(challenge, kept("me"))
    return None if person is None else (challenge, person)


def follow_lesson_link() -> None:
    """Take over the class that a lesson's link names, with or without somebody's key."""
    now = kept("code") + (f".{kept('me')}" if kept("me") else "")
    if now and _own.widget("class") in st.session_state:  # the key came after the link
        st.session_state[_own.widget("class")] = now
    value = _own.ask("class", Token(rf"{CODE}(\.{KEY})?", now), plain="")
    code, _, me = value.partition(".")
    if code and code != kept("code"):
        keep(code=code, me=me, teacher="")


def note_prediction(lesson: str, step: int, answer: str) -> None:
    """Tell the class what this person predicts; without a class a no-op. For callbacks.

    Args:
        lesson: its id.
        step: from 0.
        answer: as a link of the lesson has it.
    """
    if not kept("code"):
        return
    if not kept("me"):
        keep(me=codes.new_key())  # without a name: the class sees how many, not who
    try:
        challenge = find(kept("code"))
        predictions.predict(challenge, codes.digest(kept("me")), predictions.key_of(lesson, step), answer)
    except ChallengeError as error:
        st.toast(str(error), icon=":material/error:")
