"""The HTML of the projector: its numbers and names, and that no text in it is more than text."""

import time
from pathlib import Path

import pytest

from core.challenge import folder
from core.challenge.board import Best, BestPair, Board, Row
from core.challenge.prediction_words import Bar
from core.challenge.rules import parse_rules
from pages import _projector

EVIL = "<img src onerror=a()>"


def row(name: str, damage: float, *, is_attack: bool = True) -> Row:
    return Row(name, name, name, f"What {name} did", 0, 0.0, damage if is_attack else None, damage, is_attack)


def board(**parts: object) -> Board:
    nothing = {"clean": None, "attacks": (), "defences": (), "history": (), "pair": None, "waiting": 0, "refused": 0}
    return Board(**{**nothing, **parts})  # type: ignore[arg-type]


def test_names_and_titles_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    challenge, _ = folder.open_challenge(parse_rules({"experiment": {}, "title": EVIL}))
    full = board(
        clean=0.8,
        attacks=(row(EVIL, 3.0),),
        defences=(row(EVIL, 1.0, is_attack=False),),
        history=(Best(time.time(), EVIL, 3.0, True),),
        pair=BestPair(EVIL, EVIL, 1.0),
    )
    shown = (
        _projector.top(challenge, "1:00 left", "https://lab.example/challenge")
        + _projector.board(full, frozen=False)
        + _projector.board(board(attacks=(row(EVIL, 3.0),)), frozen=False)  # with what they handed in
        + _projector.predictions(EVIL, [Bar(EVIL, 1, 1.0)])
    )
    assert "<img" not in shown
    assert shown.count("&lt;img src onerror=a()&gt;") == 10


def test_what_is_waiting_frozen_and_best_is_said() -> None:
    waiting = _projector.board(board(waiting=2), frozen=False)
    assert "<p>2 waiting.</p><p>Nothing is judged yet.</p>" in waiting
    frozen = _projector.board(board(waiting=2), frozen=True)
    assert "2 waiting; frozen until the reveal." in frozen
    assert "Nothing is judged" not in frozen
    pair = BestPair("Ada", "Bob", 4.25)
    shown = _projector.board(board(clean=0.8125, attacks=(row("Ada", 5.0),), pair=pair), frozen=False)
    assert "Clean 81.2 %; best pair: <bdi>Ada</bdi> against <bdi>Bob</bdi>, 4.2 points." in shown
    assert "What Ada did" in shown


def test_a_person_has_one_row_the_best() -> None:
    rows = tuple(row(f"P{place % 15}", 40.0 - place) for place in range(30))
    shown = _projector.board(board(clean=0.9, attacks=rows), frozen=False)
    assert shown.count("<tr><td") == _projector.ROWS + 1  # and the heads of the columns
    assert "3 more; best so far" in shown
    assert "<bdi>P11</bdi>" in shown
    assert "<bdi>P12</bdi>" not in shown


def test_bars_are_as_long_as_their_shares() -> None:
    shown = _projector.predictions("8 answers.", [Bar("Less than 1", 5, 0.625), Bar("More", 3, 0.375)])
    assert 'style="width: 62.5%"' in shown
    assert "62 % (5)" in shown
    assert "38 % (3)" in shown
    assert "<table" not in _projector.predictions("Nobody has answered yet.", [])
