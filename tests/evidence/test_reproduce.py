"""The measurement behind docs/results.md, in small: real runs, real defences, taken up where it was broken off."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from core.attacks import registry as attacks
from core.cli.main import main
from core.defences import registry as defences
from core.defences.settings import RankedSettings
from core.evidence import certificates, classroom, grid, vendors
from core.evidence.attacks import measured
from core.evidence.claims import CLAIMS
from core.evidence.frozen import Frozen, frozen
from core.evidence.measurements import Measurements, key_of
from core.evidence.page import page
from core.experiments.measure import measure
from core.spec.models import AttackSettings
from core.system import paths
from core.system.errors import SpecError

SMALL = {"train_size": 60, "test_size": 40}


def specs(attacks: tuple[str, ...]) -> list:
    some = grid.specs(grid.pairs(["mnist"])[:1], [0.1], [0], SMALL)
    return [spec for spec in some if spec.attack.name in attacks and spec.constraint == "valid"]


def test_the_grid_has_every_attack_under_every_constraint_in_both_settings() -> None:
    todo = grid.specs()
    assert len({spec.hash for spec in todo}) == len(todo)
    everywhere = [
        spec
        for spec in todo
        if (spec.data, spec.extractor) not in grid.FAR and spec.label_rule == grid.label_rule(spec.attack.name)
        if spec.attack.name not in grid.NARROW
    ]
    pairs_and_seeds = len(grid.PAIRS) * len(grid.SEEDS)
    assert len(everywhere) == pairs_and_seeds * len(grid.attack_constraint_pairs()) * len(grid.BUDGETS)
    # Three attacks under two further rules, Frank-Wolfe under three, and the portfolio; six rows in the far transfer.
    assert len(todo) - len(everywhere) == pairs_and_seeds * (3 * 2 + 3 + 1) + len(grid.SEEDS) * 6
    rest = {(spec.budget, spec.constraint) for spec in todo if spec not in everywhere}
    assert rest == {(grid.RULE_BUDGET, grid.RULE_CONSTRAINT)}
    assert {spec.label_rule for spec in todo if spec.attack.name == "ue-input"} == {"clean"}


def test_unknown_data_are_refused() -> None:
    with pytest.raises(SpecError, match="letters"):
        grid.pairs(["letters"])


def test_what_is_measured_is_the_run_and_each_defence(tmp_path: Path) -> None:
    (spec,) = specs(("label-flip",))
    lines: list[str] = []
    (result,) = measure([spec], tmp_path / "results.json", measured, device="cpu", report=lines.append)
    from core.experiments.run import run
    from core.storage.defended import judge_run, parse_chain
    from core.storage.runs import Store

    stored = Store(tmp_path / "store").put(run(spec, device="cpu", with_map=False))
    assert result["poisoned"] == stored.summary.poisoned.accuracy
    for name, measured_defence in result["defences"].items():
        expected = judge_run(stored, parse_chain([name]))
        assert measured_defence["accuracy"] == expected.defended.accuracy
        assert (measured_defence["found"], measured_defence["clean_lost"]) == (
            expected.whole.poison_removed,
            expected.whole.clean_lost,
        )
    assert lines == ["1/1 mnist resnet10-small-mnist label-flip valid 0.1 adversarial seed 0"]


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
        (["--minutes", "-1"], "--minutes is -1"),
    ],
)
def test_bad_input_is_one_sentence(asked: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        raise SystemExit(main(["reproduce", *asked]))
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
    assert not (paths.ROOT / "docs" / "letters").exists()


def shipped() -> tuple[Frozen, list[dict[str, Any]], str, str]:
    """What results.json and certificates.json hold, as the page takes it."""
    folder = paths.ROOT / "docs"
    known, certain = (json.loads((folder / f"{name}.json").read_text()) for name in ("results", "certificates"))
    todo = grid.specs()
    certified = [certain[spec.hash] for spec in certificates.specs(todo)]
    return frozen(todo, known), certified, classroom.text(known, grid.SEEDS), vendors.text(known, grid.SEEDS)


def test_what_ships_is_written_by_the_command() -> None:
    """docs/results.md says what results.json and certificates.json hold: nobody has written in it by hand."""
    assert (paths.ROOT / "docs" / "results.md").read_text() == page(*shipped())


def test_the_readme_says_what_the_results_say() -> None:
    evidence = shipped()[0]
    measurements = Measurements(evidence.rows, evidence.limited)
    readme = (paths.ROOT / "README.md").read_text()
    for claim in CLAIMS:
        assert f"| {claim.statement} | {claim.source} | {claim.verdict(measurements)} |" in readme


@pytest.fixture
def newcomers() -> Iterator[Frozen]:
    """An attack and a defence that were registered after all was measured; what was missing before they were."""
    before = shipped()[0]
    attacks.register(replace(attacks.RECORDS["noise"], settings=NewAttack, title="New"))
    defences.register(replace(defences.RECORDS["sphere"], settings=NewDefence, title="New"))
    yield before
    attacks.forget("new-attack")
    defences.forget("new-defence")


class NewAttack(AttackSettings):
    """Registered since."""

    name: Literal["new-attack"] = "new-attack"


class NewDefence(RankedSettings):
    """Registered since."""

    name: Literal["new-defence"] = "new-defence"


def test_what_is_registered_since_is_not_measured_yet_and_changes_nothing_else(
    newcomers: Frozen,
) -> None:
    evidence, *rest = shipped()
    new = [("new-attack", constraint) for constraint in ("none", "valid", "perturbation")]
    newly = [key for key in evidence.missing if key not in newcomers.missing]
    assert list(dict.fromkeys((key.attack, key.constraint) for key in newly)) == new
    assert len(newly) == len(new) * len(grid.PAIRS) * len(grid.BUDGETS)
    assert set(evidence.missing_defences) == {*newcomers.missing_defences, "new-defence"}
    heading = "\n\n## Not measured yet\n\n"
    before, _, added = page(evidence, *rest).partition(heading)
    assert before == (paths.ROOT / "docs" / "results.md").read_text().rstrip("\n").partition(heading)[0]
    assert "- `new-attack` under `valid`, labels `adversarial`\n" in added
    assert "- the defence `new-defence`\n" in added
    assert "- the defence `agreement`, where a table lacks it: older measurements keep no poison" in added


def test_an_experiment_counts_from_two_seeds_on() -> None:
    known = json.loads((paths.ROOT / "docs" / "results.json").read_text())
    todo = grid.specs()
    complete = frozen(todo, known)
    gone = next(spec for spec in todo if spec.attack.name == "gc-input" and spec.seed == 2)
    del known[gone.hash]
    evidence = frozen(todo, known)
    assert (len(evidence.rows), evidence.missing) == (len(complete.rows) - 1, complete.missing)
    by_seed = Measurements(evidence.rows).by_key[key_of(gone.model_dump(mode="json"))]
    assert list(by_seed) == [0, 1]
    del known[gone.model_copy(update={"seed": 1}).hash]
    evidence = frozen(todo, known)
    assert len(evidence.rows) == len(complete.rows) - len(grid.SEEDS)
    (key,) = set(evidence.missing) - set(complete.missing)
    assert (key.attack, key.constraint, key.budget, key.extractor) == (
        "gc-input",
        gone.constraint,
        gone.budget,
        gone.extractor,
    )
    assert Measurements(evidence.rows).seeds == list(grid.SEEDS)


def test_what_is_missing_in_places_is_told_with_its_places() -> None:
    known = json.loads((paths.ROOT / "docs" / "results.json").read_text())
    gone = next(spec for spec in grid.specs() if spec.attack.name == "gc-input" and spec.budget == 0.1)
    for seed in (0, 1):
        del known[gone.model_copy(update={"seed": seed}).hash]
    _, *rest = shipped()
    text = page(frozen(grid.specs(), known), *rest)
    where = f"`{gone.data}` by `{gone.extractor}` at 10 %"
    assert f"- `gc-input` under `{gone.constraint}`, labels `adversarial`: {where}\n" in text


def test_no_time_rewrites_the_page_from_what_is_measured(tmp_path: Path) -> None:
    for name in ("results.json", "certificates.json"):
        shutil.copy(paths.ROOT / "docs" / name, tmp_path / name)
    assert main(["reproduce", "--minutes", "0", "--device", "cpu", "--out", str(tmp_path)]) == 0
    for name in ("results.md", "results.json"):
        assert (tmp_path / name).read_text() == (paths.ROOT / "docs" / name).read_text()


def test_nothing_measured_is_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--minutes", "0", "--out", str(tmp_path)]) == 2
    assert "Give it more minutes" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_lesson_that_was_not_measured_is_said_to_be() -> None:
    place, spec = classroom.steps()[0]
    known = json.loads((paths.ROOT / "docs" / "results.json").read_text())
    del known[spec.hash]
    (line,) = (line for line in classroom.text(known, grid.SEEDS).splitlines() if line.startswith(f"| {place} |"))
    assert line.endswith("| not measured yet |  |  |")
