"""Real processes on one store: one that is killed loses nothing that was confirmed, two judge each submission once."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.challenge import folder
from core.challenge.board import Board, board_of
from core.challenge.folder import Challenge
from core.challenge.hidden import hidden_rows
from core.challenge.judging import judge
from core.challenge.submissions import hand_in_attack, hand_in_poison, pending
from core.challenge.verdicts import verdict_of
from core.system import paths
from core.system.paths import ROOT
from tests.browser.server import free_port, status_of
from tests.challenge.conftest import ada, opened
from tests.patience import until

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ATTACKS = ({"name": "label-flip"}, {"name": "noise"}, {"name": "gc-feature", "steps": 50})


def submissions(challenge: Challenge, *names: str) -> list[str]:
    """Each of these people hands in each attack; the ids of what is confirmed."""
    return [
        hand_in_attack(challenge, person, attack, None).id
        for person in [ada(challenge, name) for name in names]
        for attack in ATTACKS
    ]


class Verdicts:
    """The files of verdicts as they were seen first: one that is written again is another file."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self.files: dict[str, tuple[int, int]] = {}

    def look(self) -> int:
        """How many submissions have a verdict now, each still the first one."""
        for name in self.challenge.names("verdicts"):
            path = self.challenge.path("verdicts", name)
            stat = path.with_name(f"{name}.json").stat()
            assert self.files.setdefault(name, (stat.st_ino, stat.st_mtime_ns)) == (stat.st_ino, stat.st_mtime_ns)
        return len(self.files)


@contextmanager
def app(home: Path, log: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A server of the app on this home, ready to run; it is killed in the end."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (home / log).open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=paths.environment(home), stdout=output, stderr=output)
        try:
            until(lambda: status_of(f"http://127.0.0.1:{port}/ready") == 200)
            yield server
        finally:
            server.kill()
            server.wait()


def of_copy(challenge: Challenge, home: Path, copy: Path) -> Board:
    """The board of a copy of the home in which nothing is disturbed: everything is judged here, in order."""
    shutil.copytree(home, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(copy))
        there = folder.find(challenge.code)
        for entry in pending(there):
            judge(there.code, entry.id, device="cpu")
        return board_of(there, everything=True)


def test_a_server_that_is_killed_loses_nothing_that_was_confirmed(own_home: Path, tmp_path: Path) -> None:
    challenge = opened()
    confirmed = submissions(challenge, "Ada", "Bob")
    hidden_rows(challenge)  # the secret is there
    undisturbed = of_copy(challenge, own_home, tmp_path / "copy")
    with np.load(tmp_path / "copy" / "challenges" / challenge.code / "verdicts" / f"{confirmed[0]}.npz") as poison:
        np.savez(tmp_path / "p.npz", x=poison["x"], y=poison["y"])
    own = hand_in_poison(challenge, ada(challenge, "Cy"), tmp_path / "p.npz", "p.npz").id
    verdicts = Verdicts(challenge)
    with app(own_home, "first.log") as server:
        until(lambda: verdicts.look() >= 1)
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert pending(challenge), "the server was killed in the middle"
    with app(own_home, "second.log"):  # and nobody opens a page
        until(lambda: verdicts.look() == len(confirmed) + 1)
    assert pending(challenge) == []
    states = {name: getattr(verdict_of(challenge, name), "state", None) for name in (*confirmed, own)}
    assert states == dict.fromkeys(states, "judged")
    board = board_of(challenge, everything=True)
    assert board.clean == undisturbed.clean
    assert [row for row in board.attacks if row.id != own] == list(undisturbed.attacks)
    by_id = {row.id: row.damage for row in board.attacks}
    assert by_id[own] == by_id[confirmed[0]], "the same poison, as a file"


def test_two_servers_judge_each_submission_once_and_show_the_same_board(own_home: Path, tmp_path: Path) -> None:
    challenge = opened()
    confirmed = submissions(challenge, "Ada", "Bob", "Cy")
    hidden_rows(challenge)
    undisturbed = of_copy(challenge, own_home, tmp_path / "copy")
    environment = {**os.environ, **paths.environment(own_home), "POISON_LAB_ALL_RUNS": "2"}  # neither takes all at once
    command = [sys.executable, "-m", "tests.challenge.judge_on", str(tmp_path)]
    servers = [
        subprocess.Popen([*command, name], cwd=ROOT, env=environment, stdout=subprocess.PIPE) for name in ("one", "two")
    ]
    verdicts = Verdicts(challenge)
    try:
        until(lambda: all((tmp_path / f"{name}.ready").exists() for name in ("one", "two")))
        (tmp_path / "go").touch()
        until(lambda: verdicts.look() >= 2)
        confirmed += submissions(challenge, "Dan")  # while both judge
        until(lambda: verdicts.look() == len(confirmed))
        (tmp_path / "stop").touch()
        answers = [json.loads(server.communicate(timeout=120)[0]) for server in servers]
    finally:
        for server in servers:
            server.kill()
            server.wait()
    one, two = (answer["judged"] for answer in answers)
    assert one
    assert two
    assert sorted(one + two) == sorted(confirmed), "each by one of them"
    assert answers[0]["boards"] == answers[1]["boards"]
    board = board_of(challenge, everything=True)
    assert [row["id"] for row in answers[0]["boards"][0]["attacks"]] == [row.id for row in board.attacks]
    assert [row for row in board.attacks if row.name != "Dan"] == list(undisturbed.attacks)
    damages = {name: [row.damage for row in board.attacks if row.name == name] for name in ("Ada", "Dan")}
    assert damages["Dan"] == damages["Ada"]
    verdicts.look()
