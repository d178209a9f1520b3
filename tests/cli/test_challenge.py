"""`challenge` on the command line: open, list, judge and pack, with the numbers of the lab."""

import json
import re
from pathlib import Path

import pytest

from core.catalog.choices import resolve
from core.challenge import folder
from core.challenge.hidden import hidden_rows
from core.cli.main import main
from core.experiments import run_folder
from core.experiments.run import run
from core.presentation.export import spec_json
from core.spec.experiment import parse_spec

EXPERIMENT = {
    "train_size": 100,
    "test_size": 60,
    "budget": 0.1,
    "attack": {"name": "label-flip"},
    "label_rule": "chosen",
}


@pytest.fixture
def spec_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    path = tmp_path / "spec.json"
    path.write_text(spec_json(resolve(parse_spec(EXPERIMENT))))
    return path


def test_open_and_list(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["challenge", "open", str(spec_file), "--rounds", "turns", "--minutes", "5", "--title", "Flip"]) == 0
    out = capsys.readouterr().out
    (challenge,) = folder.all_challenges()
    assert challenge.rules.rounds == ("attack", "defence", "attack", "defence")
    (key,) = re.findall(r"teacher=([0-9a-f]{32})", out)
    assert challenge.is_teacher(key)
    assert main(["challenge", "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{challenge.code[:4]}-{challenge.code[4:]}" in listed
    assert "0 people, 0 submissions, 0 waiting  Flip" in listed
    assert main(["challenge", "open", str(spec_file), "--rounds", "party"]) == 2


def test_judge_prints_what_the_hidden_split_gives(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["challenge", "open", str(spec_file)])
    (challenge,) = folder.all_challenges()
    result = run(challenge.rules.experiment, device="cpu", with_map=False, test_rows=hidden_rows(challenge))
    run_folder.write(result, tmp_path / "run")
    assert main(["challenge", "pack", str(tmp_path / "run"), str(tmp_path / "p.npz")]) == 0
    capsys.readouterr()
    damage = 100 * (result.clean.accuracy - result.poisoned.accuracy)
    expected = f"damage {damage:.1f} points"
    for submission in (str(tmp_path / "p.npz"), str(spec_file)):
        assert main(["challenge", "judge", submission, "--code", challenge.code, "--device", "cpu"]) == 0
        assert expected in capsys.readouterr().out
    assert main(["challenge", "judge", "sphere:share=0.1+knn", "--spec", str(spec_file), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    public = run(challenge.rules.experiment, device="cpu", with_map=False)
    assert f"damage {100 * (public.clean.accuracy - public.poisoned.accuracy):.1f} points" in out
    assert "damage left" in out


def test_judge_says_what_it_needs(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["challenge", "judge", "sphere"]) == 2
    assert "--code" in capsys.readouterr().err
    assert main(["challenge", "judge", "none.zip", "--spec", str(spec_file)]) == 2
    assert "none.zip" in capsys.readouterr().err
    assert main(["challenge", "judge", "sphere", "--code", "ABCD-EFGH"]) == 2
    assert "no challenge" in capsys.readouterr().err
    assert json.loads(spec_file.read_text())["train_size"] == 100
