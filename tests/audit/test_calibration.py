"""Calibration of detectors on scores whose ROC is known, and verification of what was handed on."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from core.audit import calibration, detectors, verify
from core.cli.main import main
from core.experiments import run_folder
from core.experiments.run import run
from core.presentation import embedding
from core.spec.experiment import parse_spec
from core.storage.runs import StoredRun, load
from core.system import finite_json
from core.system.errors import DataError


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    folder = tmp_path_factory.mktemp("run")
    x, y = load_digits(n_class=3, return_X_y=True)
    np.savez(folder / "a.npz", train_features=x[:150], train_labels=y[:150], test_features=x[150:], test_labels=y[150:])
    spec = {"data": f"features:{folder / 'a.npz'}", "train_size": 150, "test_size": 300, "budget": 0.1}
    flips = parse_spec({**spec, "attack": "label-flip", "label_rule": "random"})
    run_folder.write(run(flips, with_map=False), folder / "run")
    return load(folder / "run")


def test_recall_is_taken_where_the_bound_holds() -> None:
    is_poison = np.repeat([False, True], [100, 4])
    scores = np.concatenate([np.arange(100.0), [99.5, 98.5, 97.5, 10.0]])
    assert calibration.detection(scores, is_poison, 0.01).recall == 0.5  # 98 and above: one clean point, two poisoned
    assert calibration.detection(scores, is_poison, 0.0).recall == 0.25
    assert calibration.detection(-scores, is_poison).auc == pytest.approx(
        1 - calibration.detection(scores, is_poison).auc
    )
    with pytest.raises(DataError, match="one kind"):
        calibration.detection(scores, np.zeros(104, bool))


def test_the_smallest_budget_is_that_above_which_all_is_found() -> None:
    assert calibration.smallest_found({0.01: 0.95, 0.03: 0.2, 0.1: 0.9, 0.3: 1.0}) == 0.1
    assert calibration.smallest_found({0.1: 1.0, 0.3: 0.8}) is None


def test_scores_from_outside_are_judged_beside_the_defences(stored: StoredRun, tmp_path: Path) -> None:
    perfect = np.repeat([0.0, 1.0], [150, 15])
    (tmp_path / "scores.csv").write_text("row,score\n" + "".join(f"{i},{s}\n" for i, s in enumerate(perfect)))
    found = detectors.recalls([stored], [tmp_path / "scores.csv"])
    assert found[detectors.OUTSIDE] == {0.1: 1.0}
    assert found["Loss"][0.1] > 0.5
    assert found["Range check"][0.1] < 0.5  # flips are real points
    with pytest.raises(DataError, match="165 scores for 164 points"):
        calibration.read_scores(tmp_path / "scores.csv", 164)


def test_a_run_is_verified_and_a_changed_number_is_found(stored: StoredRun, tmp_path: Path) -> None:
    checks = verify.verify_run(stored, repeat=True)
    assert len(checks) == 5
    assert all(check.holds for check in checks)
    assert checks[0].found == stored.summary.clean.accuracy
    assert not verify.Check("", 0.5, 0.501).holds
    assert verify.Check("", 0.5, 0.504, verify.TOLERANCE).holds


def test_the_commands_say_what_holds(stored: StoredRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(stored.folder)]) == 0
    assert capsys.readouterr().out.count("holds") == 4
    assert main(["calibrate", str(stored.folder)]) == 0
    assert "Loss: " in capsys.readouterr().out


def test_a_report_alone_is_verified_by_repeating_it(
    stored: StoredRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    inside = embedding.run_data(stored)
    page.write_text(f"<head>{embedding.RUN_OPENING}{inside}</script></head><script>1</script>")
    stated = embedding.read_run(page)
    assert stated is not None
    assert (stated["hash"], stated["poisoned"]) == (stored.hash, stored.summary.poisoned.accuracy)
    assert main(["verify", str(page)]) == 0
    assert capsys.readouterr().out.count("holds") == 2
    page.write_text(page.read_text().replace(f'"poisoned": {stated["poisoned"]}', '"poisoned": 0.25'))
    assert main(["verify", str(page)]) != 0
    assert "1 of 2 numbers" in capsys.readouterr().err
    page.write_text(page.read_text().replace(stored.hash, "0" * 16))
    assert main(["verify", str(page)]) != 0
    assert "is another experiment in this version" in capsys.readouterr().err
    page.write_text("<html></html>")
    assert main(["verify", str(page)]) != 0
    assert "can't be read as an audit" in capsys.readouterr().err


def test_cells_of_an_audit_are_repeated(stored: StoredRun) -> None:
    from core.audit.plan import cell_spec

    base = stored.spec
    spec = cell_spec(base, "flips", 0.1, 0)
    row = {"hash": spec.hash, "attack": "flips", "is_evaded": False, "budget": 0.1, "seed": 0}
    row |= {"clean": stored.summary.clean.accuracy, "poisoned": stored.summary.poisoned.accuracy + 0.02}
    content = {"spec": base.model_dump(mode="json"), "runs": [row]}
    assert finite_json.dumps(content)
    assert [check.holds for check in verify.verify_audit(content)] == [True, False]
