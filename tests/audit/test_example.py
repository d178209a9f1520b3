"""The example report in docs/: its numbers are those of `core run` and `core defend`, and scikit-learn refits them."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.audit.folder import CONTENT, PAGE, read_report
from core.audit.plan import cell_spec
from core.cli.main import main
from core.defences.chain import parse_chain
from core.experiments import run_folder
from core.experiments.result import Result
from core.experiments.run import run
from core.spec.experiment import parse_spec
from core.storage import defended
from core.storage.runs import load
from core.system.paths import ROOT

FOLDER = ROOT / "docs" / "example-audit"
MOST_BYTES = 200_000
ONE = 1e-3
"""A test point on which two classes tie may go either way on another machine."""


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return read_report(FOLDER)


@pytest.fixture(scope="module")
def result(content: dict[str, Any]) -> Result:
    base = parse_spec(content["spec"], stored=True)
    return run(cell_spec(base, "flips", content["reference"], content["seeds"][0]), with_map=False)


def test_it_is_small_and_its_page_holds_all_of_it(content: dict[str, Any]) -> None:
    assert {path.name for path in FOLDER.iterdir()} == {CONTENT, PAGE}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES
    assert read_report(FOLDER / PAGE) == content


def test_it_has_the_wanted_grid(content: dict[str, Any]) -> None:
    whole = [attack for attack in content["attacks"] if len(attack["curve"]) >= 4 and len(attack["seeds"]) >= 3]
    assert len(whole) >= 2


def test_a_single_run_has_its_numbers(content: dict[str, Any], result: Result) -> None:
    (row,) = [row for row in content["runs"] if row["hash"] == result.spec.hash]
    assert (row["clean"], row["poisoned"]) == pytest.approx(
        (result.clean.accuracy, result.poisoned.accuracy), abs=ONE + 1e-9
    )
    features, ridge = result.features, result.spec.ridge
    z = np.concatenate([features["train_z"], features["poison_z"]])
    y = np.concatenate([features["train_y"], features["poison_y"]])
    model = LogisticRegression(C=1 / (len(y) * ridge), tol=1e-6, max_iter=5000).fit(z, y)
    assert model.score(features["test_z"], features["test_y"]) == pytest.approx(row["poisoned"], abs=ONE + 1e-9)


def test_the_command_for_defences_finds_as_much(
    content: dict[str, Any], result: Result, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = next(found for found in content["defences"] if found["name"] == "sphere")["attacks"]["flips"]
    run_folder.write(result, tmp_path / "run")
    verdict = defended.judge_run(load(tmp_path / "run"), parse_chain(["sphere"]))
    assert (verdict.whole.poison_removed, verdict.whole.clean_lost) == (stated["found"], stated["clean_lost"])
    assert verdict.defended.accuracy == pytest.approx(stated["accuracy"], abs=ONE + 1e-9)
    assert main(["defend", str(tmp_path / "run"), "--with", "sphere"]) == 0
    assert f"{stated['found']} of {stated['n_poison']}" in capsys.readouterr().out


def test_its_means_are_those_of_its_runs(content: dict[str, Any]) -> None:
    for attack in content["attacks"]:
        for point in attack["curve"]:
            drops = [
                100 * (row["clean"] - row["poisoned"])
                for row in content["runs"]
                if (row["attack"], row["budget"]) == (attack["attack"], point["budget"])
                and row["seed"] in attack["seeds"]
                and not row["is_evaded"]
                and not row["limit"]
            ]
            assert len(drops) == len(attack["seeds"])
            assert point["drop"] == pytest.approx(np.mean(drops))
