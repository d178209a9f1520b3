"""The two examples from outside, end to end on the command line: run, list, report, sweep, defend, and without them."""

import csv
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.attacks.registry import RECORDS
from core.catalog.choices import resolve
from core.catalog.descriptions import describe
from core.cli.main import main
from core.experiments import cost
from core.presentation import export
from core.spec.experiment import parse_spec
from core.storage.runs import Store, load
from tests.catalog.test_plugins import changed, digest
from tests.plugins import BLEND, NORM, loaded

SIZES = {"train_size": 40, "test_size": 20, "budget": 0.1}
OPTIONS = ["--train-size", "40", "--test-size", "20", "--budget", "0.1", "--device", "cpu", "--quiet"]
WITH = ["--plugin", str(BLEND), "--plugin", str(NORM)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("house")
        patch.setenv("POISON_LAB_HOME", str(folder))
        patch.setenv("POISON_LAB_PLUGINS", "")
        patch.setattr("torch.set_num_threads", lambda _: None)
        yield folder


@pytest.fixture(scope="module")
def run(house: Path) -> Path:
    """A run of the example attack, made to pass the example defence."""
    folder = house / "run"
    with loaded():
        assert main(["run", *WITH, "--attack", "blend", "--set", "share=0.6", *OPTIONS, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def _own_plugins(house: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    with loaded():
        yield


def test_a_run_keeps_the_digest_and_what_is_to_be_said(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["spec"]["attack"] == {"name": "blend", "share": 0.6}
    assert result["spec"]["plugins"] == [["blend", digest(BLEND)]]
    kept = result["plugins"]["blend"]
    assert kept["sha256"] == digest(BLEND)
    assert kept["description"]["title"] == "Blend"
    assert kept["description"]["stages"]["pixels"]["explanation"]["formula"].startswith("x_j = (1 - a)")
    assert [step["stage"] for step in result["walk"]] == ["clean", *["pixels"] * 5, "poison"]
    assert result["seconds"]["pixels"] > 0
    assert len(list((run / "poison").glob("*.png"))) == 4


def test_the_same_again_is_the_same(run: Path, house: Path) -> None:
    command = ["run", *WITH, "--spec", str(run / "result.json"), "--device", "cpu", "--quiet"]
    assert main([*command, "--out", str(house / "again")]) == 0
    one, other = (json.loads((folder / "result.json").read_text()) for folder in (run, house / "again"))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_the_command_line_of_a_report_is_the_same_experiment(run: Path, house: Path) -> None:
    stored = load(run)
    without = export.command(stored.spec)
    with loaded(BLEND):
        assert export.command(load(run).spec) == without
    assert "--plugin FILE-OF-blend.py" in without
    words = [word.replace("FILE-OF-blend.py", str(BLEND)) for word in shlex.split(without)[3:]]
    words[words.index("--out") + 1] = str(house / "typed")
    assert main([*words, "--quiet", "--device", "cpu"]) == 0
    assert load(house / "typed").hash == stored.hash


def test_lists_have_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *WITH, "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert listing["attacks"]["blend"]["parameters"]["share"]["exclusiveMaximum"] == 1
    assert listing["defenses"]["norm"]["about"] == "Removes the points with the longest feature vectors."
    assert main(["list"]) == 0  # in the same process they stay
    assert "blend" in capsys.readouterr().out


@pytest.mark.parametrize("plugins", [WITH, []], ids=["with", "without"])
def test_a_report_is_about_the_plugins_attack(plugins: list[str], run: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "report.html", tmp_path / "points.csv"
    assert main(["report", *plugins, str(run), "--out", str(out), "--table", str(table)]) == 0
    text = out.read_text()
    assert "Blend training images with the nearest images of other classes." in text
    assert "blend" in text
    others = [record.title for record in RECORDS.values() if record.name not in ("blend", "noise")]
    assert [title for title in others if title in text] == []
    assert len(table.read_text().splitlines()) == 5


def test_its_stages_are_in_the_estimate_of_cost() -> None:
    with loaded(BLEND):
        spec = resolve(parse_spec({**SIZES, "attack": "blend"}))
        estimate = cost.estimate(spec, "cpu")
        larger = cost.estimate(resolve(parse_spec({**SIZES, "attack": "blend", "budget": 1.0})), "cpu")
    assert list(estimate) == ["load", "extract", "clean", "pixels", "evaluate", "walk", "map"]
    assert larger["pixels"] == pytest.approx(10 * estimate["pixels"])


def test_a_sweep_stores_its_runs_and_finds_them_again(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = tmp_path / "spec.json", tmp_path / "sweep.csv"
    sizes = {"train_size": 40, "test_size": 20}
    spec.write_text(json.dumps({"data": "fashion-mnist", "constraint": "perturbation", **sizes}))
    command = ["sweep", *WITH, "--spec", str(spec), "--attack", "blend", "--budget", "0.1", "--device", "cpu"]
    assert main([*command, "--out", str(out)]) == 0
    assert "2 runs, 0 of them stored already" in capsys.readouterr().out
    rows = list(csv.DictReader(out.open()))
    assert [row["attack"] for row in rows] == ["flips", "blend"]
    assert all(row["poisoned"] for row in rows)
    assert main([*command, "--out", str(out)]) == 0
    assert "2 runs, 2 of them stored already" in capsys.readouterr().out
    (row,) = [row for row in Store(house / "results").list() if row.attack == "blend"]
    assert main(["report", row.hash, "--out", str(tmp_path / "stored.html")]) == 0


def test_the_example_defence_goes_over_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defend", *WITH, str(run), "--with", "norm:share=0.1", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    (step,) = verdict["steps"]
    assert step["name"] == "norm"
    assert 0 < len(step["removed"]) <= 10
    assert main(["defend", *WITH, str(run), "--each"]) == 0
    assert "\nnorm  " in capsys.readouterr().out


def test_an_attack_can_be_made_to_pass_it(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = house / "evading"
    assert main(["run", *WITH, "--attack", "label-flip", "--evade", "norm", *OPTIONS, "--out", str(folder)]) == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["spec"]["plugins"] == [["norm", digest(NORM)]]
    assert result["notes"]["evaded"] == 1.0
    assert main(["defend", str(folder), "--with", "sphere"]) == 0


def test_without_it_a_run_is_refused_in_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--spec", str(run / "result.json"), "--out", str(tmp_path / "again")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"poison-lab: 'blend' comes from a plug-in that is not loaded here .*: load it by .*\.\n", error
    )
    assert not (tmp_path / "again").exists()
    assert main([*command, "--plugin", str(changed(tmp_path, STEPS="STEPS = 5"))]) == 2
    assert "another version of the plug-in 'blend'" in capsys.readouterr().err


@pytest.mark.parametrize("what", [["--attack", "blend"], ["--evade", "norm"]])
def test_without_it_its_name_is_unknown(what: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *what, "--out", "x"]) == 2
    assert what[1] in capsys.readouterr().err


def test_without_it_a_run_is_told_of_and_defended(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defend", str(run), "--with", "sphere"]) == 0
    assert main(["certify", str(run), "--partitions", "4"]) == 0
    assert main(["defend", str(run), "--with", "norm"]) == 2
    assert "Unknown defence 'norm'. Known: " in capsys.readouterr().err
    stored = load(run)
    assert describe(stored.spec, stored.summary.plugins).title == "Blend"


def test_a_broken_plugin_ends_every_command_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(tmp_path, STEPS="STEPS = 1 / 0")
    assert main(["list", "--plugin", str(path)]) == 2
    assert capsys.readouterr() == ("", f"poison-lab: Plug-in {path}, line 22: ZeroDivisionError: division by zero.\n")


def test_an_attack_that_fails_ends_its_run_in_one_sentence(
    tmp_path: Path, house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(tmp_path, **{"other = ": "other = 1 / 0"})
    command = ["run", "--plugin", str(path), "--attack", "blend", *OPTIONS, "--out", str(tmp_path / "run")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith("poison-lab: The attack 'blend' failed: ZeroDivisionError: division by zero (")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
