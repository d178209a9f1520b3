"""A small challenge in a home of its own: runs of a second on a hundred images."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.challenge import folder
from core.challenge.folder import Challenge
from core.challenge.people import Person, join
from core.challenge.rules import parse_rules

EXPERIMENT: dict[str, Any] = {
    "train_size": 100,
    "test_size": 60,
    "budget": 0.1,
    "attack": {"name": "label-flip"},
    "label_rule": "chosen",
}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a home folder of its own."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def opened(*rounds: str, experiment: dict[str, Any] | None = None, **rules: Any) -> Challenge:
    """A challenge whose first round is open."""
    fields = {"rounds": rounds or ("attack",), "experiment": {**EXPERIMENT, **(experiment or {})}, **rules}
    challenge, _ = folder.open_challenge(parse_rules(fields))
    challenge.change(lambda course: course.with_next_round(challenge.rules, time.time()))
    return challenge


def next_round(challenge: Challenge) -> None:
    """End the open round and start the next one."""
    challenge.change(lambda course: course.with_end(time.time()))
    challenge.change(lambda course: replace(course.with_next_round(challenge.rules, time.time())))


def ada(challenge: Challenge, name: str = "Ada") -> Person:
    """Somebody who takes part."""
    return join(challenge, name)[0]
