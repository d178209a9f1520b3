"""`sweep`: its table, and that nothing is run twice."""

import csv
import json
from pathlib import Path

import pytest

from core.cli.main import main


def test_sweep_writes_a_table_and_runs_nothing_twice(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "base.json"
    spec.write_text(json.dumps({"data": "fashion-mnist", "attack": "noise", "train_size": 40, "test_size": 20}))
    out = tmp_path / "sweep.csv"
    ask = ["sweep", "--spec", str(spec), "--budget", "0.1", "--seed", "0", "--out", str(out)]
    assert main([*ask, "--seed", "1"]) == 0
    assert "4 runs, 0 of them stored already" in capsys.readouterr().out
    rows = list(csv.DictReader(out.open()))
    assert [(row["attack"], row["seeds"]) for row in rows] == [("flips", "2"), ("noise", "2")]
    before = out.read_bytes()
    assert main([*ask, "--seed", "1"]) == 0
    assert "4 of them stored already" in capsys.readouterr().out
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--out", "table.txt"], "is not a *.csv file"),
        (["--out", "/nowhere/table.csv"], "its folder is not there"),
        (["--out", "t.csv", "--attack", "magic"], "magic"),
        (["--out", "t.csv", "--budget", "2"], "budget is 2"),
    ],
)
def test_bad_sweeps_are_refused_in_one_line(
    options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *options]) == 2
    output = capsys.readouterr().err
    assert reason in output
    assert output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
