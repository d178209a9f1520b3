"""What was in flight when a server ended, however it ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.serving.journal import Journal
from core.system.paths import ROOT
from tests.fakes import tiny_spec

SERVER = """
import sys, time
from pathlib import Path
from core.serving.journal import Journal
from tests.fakes import tiny_spec
journal = Journal(Path(sys.argv[1]))
journal.begin(tiny_spec(1))
journal.begin(tiny_spec(2))
journal.end(tiny_spec(2).hash)
print("ready", flush=True)
time.sleep(60)
"""


def test_what_a_killed_server_was_at_is_interrupted(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert server.stdout is not None
    with server:
        server.stdout.readline()
        other = Journal(tmp_path)
        assert other.interrupted() == {}, "it is alive"
        server.kill()
    assert other.interrupted() == {tiny_spec(1).hash: tiny_spec(1)}
    assert Journal(tmp_path).interrupted() == {tiny_spec(1).hash: tiny_spec(1)}
    other.begin(tiny_spec(1))
    assert other.interrupted() == {}
    other.end(tiny_spec(1).hash)
    assert list((tmp_path / "in-flight").glob("*.json")) == []


def test_a_server_that_ends_in_order_leaves_its_runs_as_interrupted(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    one.begin(tiny_spec(3))
    other.begin(tiny_spec(4))
    one.close()
    one.end(tiny_spec(3).hash)
    assert list(other.interrupted()) == [tiny_spec(3).hash]
    other.settle(tiny_spec(3).hash)
    assert other.interrupted() == {}


def test_what_cannot_be_read_is_no_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "in-flight" / f"{'0' * 16}-gone.json").write_text("{")
    assert journal.interrupted() == {}


def test_without_a_place_runs_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in-flight").write_text("")
    journal = Journal(tmp_path)
    assert "No journal" in caplog.text
    journal.begin(tiny_spec(5))
    journal.end(tiny_spec(5).hash)
    assert journal.interrupted() == {}
    journal.close()
