"""What is made of a finished run: its report and its table."""

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.storage.runs import Store, load
from core.system.paths import GALLERY
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


@pytest.fixture
def finished(home: Path) -> Path:
    """The folder of a finished run in the store of `home`."""
    return Store(home / "results", shipped=None).put(drawn_result(tiny_spec())).folder


def test_report_and_table_are_written(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    html, table = tmp_path / "out" / "run.html", tmp_path / "out" / "run.csv"
    assert main(["report", finished.name, "--out", str(html), "--table", str(table)]) == 0
    assert capsys.readouterr().out == f"{html}\n{table}\n"
    assert html.read_text().startswith("<!doctype html>")
    assert len(table.read_text().splitlines()) == 1 + tiny_spec().n_poison
    # A folder of any name will do, and only what was asked for is written.
    elsewhere = finished.rename(tmp_path / "mine")
    assert main(["report", str(elsewhere), "--table", str(tmp_path / "other" / "run.parquet")]) == 0
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["run.parquet"]


BAD_REPORTS = {
    "nothing to write": (["RUN"], ["none was given"]),
    "another suffix": (["RUN", "--out", "x.pdf"], ["x.pdf", "*.html"]),
    "another table": (["RUN", "--table", "x.xlsx"], ["x.xlsx", "*.csv or *.parquet"]),
    "no such run": (["0123456789abcdef", "--out", "x.html"], ["0123456789abcdef", "neither the folder"]),
    "no hash": (["../results", "--out", "x.html"], ["../results", "neither the folder"]),
    "another folder": ([".", "--out", "x.html"], ["not a run's folder"]),
    "one of two is bad": (["RUN", "--out", "x.html", "--table", "x.txt"], ["x.txt"]),
    "a folder": (["RUN", "--out", "folder.html"], ["folder.html", "can't be written"]),
    "below a file": (["RUN", "--out", "file/x.html"], ["can't be written"]),
    "no run": ([], ["argument", "run"]),
}


@pytest.mark.parametrize("case", BAD_REPORTS)
def test_a_report_that_cannot_be_is_one_line_and_nothing_is_written(
    case: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, words = BAD_REPORTS[case]
    here = tmp_path / "here"
    (here / "folder.html").mkdir(parents=True)
    (here / "file").touch()
    monkeypatch.chdir(here)
    assert main(["report", *(finished.name if word == "RUN" else word for word in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    assert all(word in printed.err for word in words), printed.err
    assert sorted(path.name for path in here.rglob("*")) == ["file", "folder.html"]


@pytest.mark.parametrize("name", ["result.json", "view.npz", "manifest.json"])
def test_a_damaged_run_is_one_line_and_stays_where_it_is(
    name: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = finished.rename(tmp_path / "mine")
    (mine / name).write_bytes(b"damaged")
    assert main(["report", str(mine), "--out", str(tmp_path / "x.html")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "damaged" in error
    assert mine.is_dir()
    assert not (tmp_path / "x.html").exists()


def test_a_run_that_ships_without_its_features_is_defended_by_its_images(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = load(GALLERY / "f97fbc833fa454cc")
    assert not stored.has_features
    assert main(["defend", str(stored.folder), "--with", "sphere", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["clean"] == stored.content["clean"]
    assert verdict["poisoned"] == stored.content["poisoned"]
