"""The measurement behind docs/results.md, in small: real runs, real defences, taken up where it was broken off."""

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.evidence import certificates, classroom, grid
from core.evidence.attacks import measured
from core.evidence.claims import CLAIMS
from core.evidence.measure import measure
from core.evidence.measurements import Measurements
from core.system import paths
from core.system.errors import SpecError

SMALL = {"train_size": 60, "test_size": 40}


def specs(attacks: tuple[str, ...]) -> list:
    some = grid.specs(grid.pairs(["mnist"])[:1], [0.1], [0], SMALL)
    return [spec for spec in some if spec.attack.name in attacks and spec.constraint == "valid"]


def test_the_grid_has_every_attack_under_every_constraint_in_both_settings() -> None:
    todo = grid.specs()
    assert len({spec.hash for spec in todo}) == len(todo)
    assert len(todo) == len(grid.PAIRS) * len(grid.lines()) * len(grid.BUDGETS) * len(grid.SEEDS)
    assert {spec.label_rule for spec in todo if spec.attack.name == "ue-input"} == {"clean"}


def test_unknown_data_are_refused() -> None:
    with pytest.raises(SpecError, match="letters"):
        grid.pairs(["letters"])


def test_what_is_measured_is_the_run_and_each_defence(tmp_path: Path) -> None:
    (spec,) = specs(("label-flip",))
    lines: list[str] = []
    (found,) = measure([spec], tmp_path / "results.json", measured, device="cpu", tell=lines.append)
    from core.experiments.run import run
    from core.storage.defended import judged, parse_chain
    from core.storage.runs import Store

    stored = Store(tmp_path / "store").put(run(spec, device="cpu", with_map=False))
    assert found["poisoned"] == stored.summary.poisoned.accuracy
    for name, told in found["defences"].items():
        expected = judged(stored, parse_chain([name]))
        assert told["accuracy"] == expected.defended.accuracy
        assert (told["found"], told["clean_lost"]) == (expected.whole.poison_removed, expected.whole.clean_lost)
    assert lines == ["1/1 mnist resnet10-small-mnist label-flip valid 0.1 seed 0"]


def test_several_processes_measure_the_same(tmp_path: Path) -> None:
    todo = specs(("label-flip", "noise"))
    one = measure(todo, tmp_path / "one.json", measured, device="cpu")
    two = measure(todo, tmp_path / "two.json", measured, device="cpu", processes=2)
    for first, second in zip(one, two, strict=True):
        assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_certificates_are_of_the_clean_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "PARTITIONS", (5,))
    label, noise = specs(("label-flip", "noise"))
    first, second = (certificates.measured(spec, "cpu") for spec in (label, noise))
    assert first["added"][0]["certified"] == second["added"][0]["certified"]
    assert first["flipped"]["certified"] == second["flipped"]["certified"]
    assert first["added"][0]["certified"][1] <= first["added"][0]["clean"]
    assert second["added"][0]["attacked"] != first["added"][0]["attacked"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--processes", "0"], "--processes is 0"),
        (["--data", "letters"], "letters"),
        (["--budget", "2"], "budget is 2"),
    ],
)
def test_bad_input_is_one_sentence(asked: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(main(["reproduce", *asked]))
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
    assert not (paths.ROOT / "docs" / "letters").exists()


def test_what_ships_is_written_by_the_command() -> None:
    """docs/results.md says what results.json and certificates.json hold: nobody has written in it by hand."""
    from core.evidence.page import page

    folder = paths.ROOT / "docs"
    known, certain = (json.loads((folder / f"{name}.json").read_text()) for name in ("results", "certificates"))
    todo = grid.specs()
    clean = {(spec.data, spec.extractor, spec.seed): spec.hash for spec in todo if spec.attack.name == "label-flip"}
    in_class = classroom.text(known, grid.SEEDS)
    told = page([known[spec.hash] for spec in todo], [certain[one] for one in clean.values()], in_class)
    assert (folder / "results.md").read_text() == told


def test_the_readme_says_what_the_results_say() -> None:
    known = json.loads((paths.ROOT / "docs" / "results.json").read_text())
    found = Measurements([known[spec.hash] for spec in grid.specs()])
    readme = (paths.ROOT / "README.md").read_text()
    for claim in CLAIMS:
        assert f"| {claim.words} | {claim.source} | {claim.verdict(found)} |" in readme
