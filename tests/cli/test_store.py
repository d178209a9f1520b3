"""`store`: what is listed, pinned and deleted."""

import os
import time
from pathlib import Path

import pytest

from core.cli.main import main
from core.storage import gallery
from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec


def old_run(home: Path, seed: int, hours: float) -> str:
    """A stored run that was written so long ago; gives its hash."""
    run = Store(home / "results", shipped=None).put(tiny_result(tiny_spec(seed)))
    os.utime(run.folder / "manifest.json", (time.time() - 3600 * hours,) * 2)
    return run.hash


def test_store_lists_what_is_kept_and_the_room_it_takes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = old_run(home, 0, hours=3), old_run(home, 1, hours=2)
    assert main(["store", "--pin", first]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == [second, first]
    assert [line.endswith("  pinned") for line in lines[:2]] == [False, True]
    assert lines[2].startswith("runs: 2, 1 of them pinned: ")
    assert lines[2].endswith(" of 20,000 MB")
    assert lines[3] == "cache: 0.0 MB of 20,000 MB"
    assert main(["store", "--unpin", first]) == 0
    assert "runs: 2, 0 of them pinned" in capsys.readouterr().out


def test_store_cleans_down_to_its_limit(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned, other = old_run(home, 0, hours=3), old_run(home, 1, hours=2)
    monkeypatch.setattr("core.system.retention.MEGABYTE", 1)  # the limit is then 100 bytes, less than anything takes
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "100")
    assert main(["store", "--pin", pinned]) == 0
    capsys.readouterr()
    assert main(["store", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert f"would be deleted: run {other}" in output
    assert "1 run would be deleted; what stays takes" in output
    assert "0 cached files would be deleted" in output
    assert (home / "results" / other).is_dir()
    assert main(["store", "--clean"]) == 0
    assert f"deleted: run {other}" in capsys.readouterr().out
    assert not (home / "results" / other).exists()
    assert (home / "results" / pinned).is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pin", "0" * 16], "isn't stored, so nothing was pinned"),
        (["--pin", "../results"], "isn't stored, so nothing was pinned"),
        (["--unpin", "0" * 16], "nothing to unpin"),
        (["--pin", "a", "--unpin", "a"], "both name a"),
        (["--dry-run", "--pin", "a"], "doesn't go with --pin"),
        (["--tidy"], "--tidy"),
    ],
)
def test_store_refuses_in_one_line(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_run(home, 0, hours=3)
    assert main(["store", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (home / "results" / "pinned").exists()


def test_store_refuses_a_shipped_run_and_a_limit_that_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "--pin", gallery.entries()[0].spec.hash]) == 2
    assert "ships with Poison Lab" in capsys.readouterr().err
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "99")
    assert main(["store", "--clean"]) == 2
    assert "POISON_LAB_STORE_MEGABYTES is '99'; allowed" in capsys.readouterr().err
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "100")
    monkeypatch.setenv("POISON_LAB_HOME", __file__)
    assert main(["store"]) == 2
    assert "can't be opened: Not a directory" in capsys.readouterr().err
