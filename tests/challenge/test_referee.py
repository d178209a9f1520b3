"""Servers that look for submissions: each is judged once, whoever looks, and a server that dies loses nothing."""

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from core.challenge.referee import FAILURES, Referee
from core.challenge.submissions import hand_in_attack, pending
from core.challenge.verdicts import Verdict, verdict_of
from core.serving.messages import Work
from core.system.errors import EngineError
from tests.challenge.conftest import ada, opened

FLIP = {"name": "label-flip"}


class FakeJob:
    """A job that ends when the test says so."""

    finished = False

    def status(self) -> Any:
        return type("Status", (), {"error": "The worker died."})()


class FakeEngine:
    """Notes what it is asked to do, and refuses when it is full."""

    def __init__(self, room: int = 100) -> None:
        self.work: list[tuple[Work, str]] = []
        self.jobs: list[FakeJob] = []
        self.room = room

    def submit_work(self, work: Work, spec: object, person: str) -> FakeJob:
        if len(self.jobs) >= self.room:
            raise EngineError("full")
        self.work.append((work, person))
        self.jobs.append(FakeJob())
        return self.jobs[-1]


def test_each_submission_is_sent_once() -> None:
    challenge = opened()
    entry = hand_in_attack(challenge, ada(challenge), FLIP, None)
    referee, engine = Referee(), FakeEngine()
    for _ in range(3):
        assert referee.look(engine) == 1  # type: ignore[arg-type]
    ((work, person),) = engine.work
    assert work.function == "core.challenge.judging:judge"
    assert work.arguments == (challenge.code, entry.id)
    assert person == f"{challenge.code}-{entry.person}"
    assert not work.is_done()
    challenge.write("verdicts", entry.id, Verdict(entry.id, "judged", clean=1.0).to_json())
    assert work.is_done()
    engine.jobs[0].finished = True
    assert referee.look(engine) == 0  # type: ignore[arg-type]
    assert referee.claims == {}


def test_of_two_servers_one_judges() -> None:
    challenge = opened()
    hand_in_attack(challenge, ada(challenge), FLIP, None)
    one, two, engine, other = Referee(), Referee(), FakeEngine(), FakeEngine()
    one.look(engine)  # type: ignore[arg-type]
    two.look(other)  # type: ignore[arg-type]
    assert (len(engine.work), len(other.work)) == (1, 0)


def test_what_a_dead_server_had_is_judged_by_the_next() -> None:
    challenge = opened()
    entry = hand_in_attack(challenge, ada(challenge), FLIP, None)
    dead = Referee()
    dead.look(FakeEngine())  # type: ignore[arg-type]
    (claim,) = dead.claims.values()
    os.close(claim.lock)  # as the kernel does
    engine = FakeEngine()
    Referee().look(engine)  # type: ignore[arg-type]
    assert [work.arguments[1] for work, _ in engine.work] == [entry.id]


def test_a_full_queue_is_tried_again() -> None:
    challenge = opened()
    person = ada(challenge)
    for _ in range(3):
        hand_in_attack(challenge, person, FLIP, None)
    referee, engine = Referee(), FakeEngine(room=2)
    referee.look(engine)  # type: ignore[arg-type]
    assert len(engine.work) == 2
    engine.room = 3
    referee.look(engine)  # type: ignore[arg-type]
    assert len(engine.work) == 3


def test_what_fails_again_and_again_gets_a_verdict_that_says_so() -> None:
    challenge = opened()
    entry = hand_in_attack(challenge, ada(challenge), FLIP, None)
    referee, engine = Referee(), FakeEngine()
    for _ in range(FAILURES):
        referee.look(engine)  # type: ignore[arg-type]
        engine.jobs[-1].finished = True
        referee.look(engine)  # type: ignore[arg-type]
    verdict = verdict_of(challenge, entry.id)
    assert verdict is not None
    assert (verdict.state, verdict.reason) == ("failed", "The worker died.")
    assert pending(challenge) == []


def test_where_files_can_not_be_locked_one_server_still_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = opened()
    hand_in_attack(challenge, ada(challenge), FLIP, None)

    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr("core.system.locks._flock", refuse)
    engine = FakeEngine()
    Referee().look(engine)  # type: ignore[arg-type]
    assert len(engine.work) == 1


@pytest.mark.processes
def test_a_submission_is_judged_by_a_real_engine(own_home: Path) -> None:
    from core.serving.engine import Engine
    from core.storage.runs import Store
    from tests.patience import until

    challenge = opened()
    entry = hand_in_attack(challenge, ada(challenge), FLIP, None)
    engine = Engine(Store(own_home / "results", shipped=None))
    try:
        referee = Referee()
        until(lambda: referee.look(engine) == 0)
        verdict = verdict_of(challenge, entry.id)
        assert verdict is not None
        assert (verdict.state, verdict.reason) == ("judged", "")
        assert engine.jobs() == []
        assert engine.store.list() == []
    finally:
        engine.close()


def test_a_server_that_starts_again_goes_on_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody opening a page; a server without challenges looks for none."""
    import app
    from core.challenge import referee

    started: list[bool] = []
    monkeypatch.setattr(referee, "start", lambda: started.append(True))
    app._judge_on()
    assert started == []
    opened()
    app._judge_on()
    assert started == [True]
