"""The load test in a challenge: what it counts as lost, and a short one with a teacher, a projector and students."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.load.__main__ import Lesson, lesson
from benchmarks.load.challenge import OTHERS, Game
from benchmarks.load.servers import own_server
from core.challenge.people import join
from core.challenge.submissions import all_submissions, hand_in_attack
from core.challenge.verdicts import Pair, Verdict

SECONDS = 25.0
PACE = 0.1
CHALLENGES = 8


@pytest.fixture
def game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Game:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))  # which the game sets, too
    return Game.open(tmp_path, SECONDS)


def test_what_was_confirmed_and_is_not_there_is_lost(game: Game) -> None:
    challenge = game.challenge
    challenge.change(lambda course: course.with_next_round(challenge.rules, time.time()))
    person, _ = join(challenge, "Ada")
    entries = [hand_in_attack(challenge, person, {"name": "label-flip"}, None) for _ in range(3)]
    game.confirmed = 4
    first, second, _ = (entry.id for entry in entries)
    pairs = (Pair(first, "", 0.5, 40.0),)
    challenge.write("verdicts", first, Verdict(first, "judged", clean=0.9, pairs=pairs).to_json())
    challenge.write("verdicts", second, Verdict(second, "failed", "The worker died.").to_json())
    assert dict(game.losses()) == {
        "A submission is failed": 1,
        "A submission is waiting": 1,
        "A confirmed submission is not on the disk": 1,
    }
    assert len(game.verdict_seconds()) == 2
    assert max(game.verdict_seconds()) < 60
    assert "4 confirmed on pages, 3 on the disk (3 attacks, 0 chains of defences), 1 judged" in game.sentence()


@pytest.mark.processes
@pytest.mark.slow
def test_a_short_challenge_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    log: list[str] = []

    async def play(address: str, game: Game, seed: int) -> Lesson:
        return await lesson(address, OTHERS + 3, SECONDS, seed, PACE, game.member)

    with own_server(log, tmp_path) as address, ThreadPoolExecutor(1) as thread:
        for seed in range(CHALLENGES):  # what they get done depends on the machine
            game = Game.open(tmp_path, SECONDS)
            # In another thread: Playwright leaves a loop behind in this one.
            measured = thread.submit(asyncio.run, play(address, game, seed)).result()
            game.wait()
            assert measured.problems == {}
            assert game.losses() == {}
            assert game.confirmed == len(all_submissions(game.challenge))
            if game.confirmed:
                break
    assert game.confirmed
    assert game.challenge.course().revealed
    assert not log
