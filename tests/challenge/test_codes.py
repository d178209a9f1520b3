"""Codes that can be typed and not be guessed."""

import pytest

from core.challenge import codes
from core.system.errors import ChallengeError


def test_a_code_reads_as_it_is_shown() -> None:
    code = codes.new_code()
    assert codes.parse(codes.shown(code)) == code
    assert codes.parse(f" {codes.shown(code).lower().replace('-', ' ')} ") == code


@pytest.mark.parametrize("text", ["", "ABCD", "../../secret", "ABCD-EFG1", "ABCDEFGHJ", "ÄBCD-EFGH", "A" * 10_000])
def test_other_texts_are_no_code(text: str) -> None:
    assert codes.parse(text) is None


def test_codes_are_too_many_to_try() -> None:
    """A year of all the wrong codes that a server answers finds one of a thousand challenges once in two."""
    tries = codes.WRONG_OF_ALL * 60 * 24 * 365
    assert len(codes.ALPHABET) ** codes.LENGTH / 1000 > 2 * tries
    assert len({codes.new_code() for _ in range(1000)}) == 1000


def test_a_key_matches_its_digest_alone() -> None:
    key = codes.new_key()
    assert codes.matches(key, codes.digest(key))
    assert not codes.matches("", codes.digest(key))
    assert not codes.matches(codes.digest(key), codes.digest(key))


def test_guesses_of_a_person_are_bounded() -> None:
    guesses = codes.Guesses()
    for _ in range(codes.WRONG_OF_PERSON):
        guesses.check("eve")
        guesses.note("eve")
    with pytest.raises(ChallengeError, match="Too many wrong codes"):
        guesses.check("eve")
    guesses.check("ada")


def test_new_names_do_not_help_who_guesses() -> None:
    guesses = codes.Guesses()
    for number in range(codes.WRONG_OF_ALL):
        guesses.note(f"eve-{number}")
    with pytest.raises(ChallengeError, match="Too many wrong codes"):
        guesses.check("eve-new")


def test_guesses_are_forgotten_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    guesses = codes.Guesses()
    for _ in range(codes.WRONG_OF_PERSON):
        guesses.note("eve")
    now = codes.time.monotonic()
    monkeypatch.setattr(codes.time, "monotonic", lambda: now + codes.WINDOW_SECONDS + 1)
    guesses.check("eve")
