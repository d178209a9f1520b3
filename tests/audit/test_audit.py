"""A whole audit of few features: its numbers are those of single runs; it stops, goes on, and writes one page."""

import itertools
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from core.audit import audit
from core.audit.audit import conduct
from core.audit.battery import NOISE, measure
from core.audit.comparison import compare
from core.audit.document import document
from core.audit.folder import Row, read_report, stop
from core.audit.plan import Plan, attacks_for, cell_spec, make_plan, seconds
from core.audit.ridge import GRID
from core.certificates import evaluation
from core.cli.main import main
from core.defences.chain import parse_chain
from core.defences.evaluation import defend
from core.defences.registry import RECORDS as DEFENCES
from core.experiments import cost
from core.experiments.run import run
from core.spec.events import Event, Observer
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import SpecError, StoreError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = load_digits(n_class=4, return_X_y=True)
    path = tmp_path_factory.mktemp("features") / "digits.npz"
    np.savez(path, train_features=x[:200], train_labels=y[:200], test_features=x[200:400], test_labels=y[200:400])
    return path


@pytest.fixture(scope="module")
def plan(file: Path) -> Plan:
    base = parse_spec({"data": f"features:{file}", "train_size": 200, "test_size": 200})
    whole = make_plan(base, 60)
    chosen = [cell for cell in whole.cells if cell.spec.budget in (0.03, 0.1) and cell.spec.seed < 2]
    return Plan(whole.base, tuple(chosen), (0.03, 0.1), (0, 1), whole.attacks, 1.0, whole.left_out)


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    conduct(plan, folder)
    return folder


@pytest.fixture(scope="module")
def content(folder: Path) -> dict[str, Any]:
    return read_report(folder)


def test_its_numbers_are_those_of_single_runs(plan: Plan, content: dict[str, Any]) -> None:
    attack = content["attacks"][1]
    summaries = []
    for seed in (0, 1):
        result = run(cell_spec(plan.base, attack["attack"], 0.03, seed), with_map=False)
        summaries.append(result.summary())
        if seed == 0:
            verdict = defend(result.features, parse_chain(["sphere"]), 4, result.spec.ridge)
            sphere = next(found for found in content["defences"] if found["name"] == "sphere")["attacks"]
            assert sphere[attack["attack"]]["found"] == verdict.whole.poison_removed
            assert sphere[attack["attack"]]["accuracy"] == verdict.defended.accuracy
    point = next(point for point in attack["curve"] if point["budget"] == 0.03)
    assert point["drop"] == pytest.approx(np.mean([summary.drop() for summary in summaries]))
    by_class = np.mean([summary.class_drops() for summary in summaries], axis=0)
    assert attack["class_drops"] == pytest.approx(by_class.tolist())
    assert content["clean"] == pytest.approx(np.mean([row["clean"] for row in content["runs"]]))


def test_all_defences_judge_and_the_evadable_ones_are_evaded(content: dict[str, Any]) -> None:
    assert {found["name"] for found in content["defences"]} == set(DEFENCES)
    evaded = {found["name"] for found in content["defences"] if found["evaded_recall"] is not None}
    assert "sphere" in evaded
    assert {"nearest class mean", "linear SVM", "small network"} <= content["heads"]["TGDA, features"].keys()
    same = content["heads"]["TGDA, features"]["the same head"]
    first = next(row for row in content["runs"] if row["attack"] == "tgda-feature" and row["budget"] == 0.03)
    assert (same["clean"], same["poisoned"]) == (first["clean"], first["poisoned"])


def test_every_action_and_the_verdict_name_numbers_of_the_report(content: dict[str, Any]) -> None:
    attack = max(content["attacks"], key=lambda found: found["curve"][0]["drop"])
    assert f"costs {attack['curve'][0]['drop']:.1f} points" in content["verdict"].replace(",", "")
    assert len(content["actions"]) >= 3
    assert all(re.search(r"\d", action) for action in content["actions"])


def test_the_page_needs_no_network_and_holds_the_numbers(folder: Path, content: dict[str, Any]) -> None:
    page = (folder / "audit.html").read_text()
    assert "<svg" in page
    assert "http://" not in page
    assert "https://" not in page
    assert len(page) < 200_000
    for attack in content["attacks"]:
        assert attack["title"] in page


def test_it_stops_and_goes_on_without_measuring_again(
    plan: Plan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json.loads((folder / "measured.json").read_text())
    measured: list[str] = []

    def known(cell: Any, device: str, on_event: Observer, is_late: Any) -> Row:
        measured.append(cell.spec.hash)
        if len(measured) == 3:
            (tmp_path / "stop").touch()
        return dict(rows[cell.spec.hash])

    monkeypatch.setattr(audit, "measure", known)
    first = conduct(plan, tmp_path)
    assert (first["measured"], first["planned"]) == (3, len(plan.cells))
    second = conduct(plan, tmp_path)
    assert len(measured) == len(set(measured)) == len(plan.cells)
    assert second["measured"] == len(plan.cells)
    assert read_report(tmp_path) == read_report(folder)


def test_a_stop_ends_the_experiment_that_runs(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def long(cell: Any, device: str, on_event: Observer, is_late: Any) -> Row:
        begun.append(cell.spec.hash)
        stop(tmp_path)
        for step in range(1000):
            on_event(Event("stage2", step, 1000))
            time.sleep(0.01)
        pytest.fail("it went on")

    monkeypatch.setattr(audit, "measure", long)
    start = time.monotonic()
    assert conduct(plan, tmp_path) == {}
    assert time.monotonic() - start < 5
    assert begun == [plan.cells[0].spec.hash]


def test_what_the_time_cuts_short_is_said_and_measured_when_it_goes_on(
    plan: Plan, content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = plan.cells[0]
    assert whole.judged
    few = replace(plan, cells=plan.cells[:2])
    asked: list[int] = []

    def three(cell: Any, device: str, on_event: Observer, is_late: Any) -> Row:
        asked.clear()
        return measure(cell, "cpu", on_event, lambda: asked.append(1) or len(asked) > 3)

    monkeypatch.setattr(audit, "measure", three)
    first = conduct(few, tmp_path)
    assert [found["name"] for found in first["defences"]] == sorted(
        list(DEFENCES)[:3], key=[found["name"] for found in content["defences"]].index
    )
    assert (first["heads"], first["certificate"], first["dirt"]) == ({}, None, None)
    assert any(
        sentence.startswith("The time ran out while Random label flips at 3 %") for sentence in first["left_out"]
    )
    assert "Slab" in (tmp_path / "audit.html").read_text()
    monkeypatch.setattr(audit, "measure", measure)
    second = conduct(few, tmp_path)
    assert len(second["defences"]) == len(DEFENCES)
    assert second["certificate"] == content["certificate"]
    assert not any("ran out" in sentence for sentence in second["left_out"])


def test_every_part_of_an_experiment_can_be_stopped(plan: Plan) -> None:
    whole = plan.cells[0]
    assert whole.certified
    stages: list[str] = []
    measure(whole, "cpu", lambda event: stages.append(event.stage))
    after_run = len(stages) - 1 - stages[::-1].index("clean")
    # Each defence, each head, both certificates, and the clean data; the run itself evaluates once.
    assert stages[after_run:].count("evaluate") == len(DEFENCES) + 8 + 3 + 1


def test_attackers_that_know_less_stand_beside_the_one_that_knows_all(content: dict[str, Any], plan: Plan) -> None:
    rows = content["limited"]
    assert [row["limit"] for row in rows] == ["ridge"]  # all training points are used: there are no others
    (row,) = rows
    same = next(point for point in content["runs"] if point["limit"] == "ridge")
    assert row["drop"] == pytest.approx(100 * (same["clean"] - same["poisoned"]))
    result = run(cell_spec(plan.base, "tgda-feature", 0.03, 0, limit="ridge"), with_map=False)
    assert result.spec.attacker_ridge == 0.01
    assert row["drop"] == pytest.approx(result.summary().drop())
    assert row["known"] == pytest.approx(
        run(cell_spec(plan.base, "tgda-feature", 0.03, 0), with_map=False).summary().drop()
    )


def test_flips_are_certified(plan: Plan, content: dict[str, Any]) -> None:
    found = content["flips"]
    certified = found["certified"]
    assert found["noise"]["heads"] == NOISE.heads
    assert all(a >= b for a, b in itertools.pairwise(certified))
    assert certified[0] <= found["clean"]
    features = run(cell_spec(plan.base, "flips", 0.03, 0), with_map=False).features
    alone = evaluation.flipped(features, 4, plan.base.ridge, torch.device("cpu"), NOISE)
    assert alone.to_json() == found


def test_the_page_alone_is_read_as_the_audit(folder: Path, content: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "handed-on.html"
    page.write_text((folder / "audit.html").read_text())
    assert read_report(page) == content
    names = {**content, "classes": ["</script><b>", *content["classes"][1:]]}
    page.write_text(document(names))
    assert read_report(page) == names
    page.write_text("<html></html>")
    with pytest.raises(StoreError, match="be read as an audit"):
        read_report(page)


def test_two_audits_are_compared(content: dict[str, Any]) -> None:
    better = json.loads(json.dumps(content))
    better["attacks"][1]["curve"][0] |= {"drop": 0.5, "low": 0.25, "high": 0.75}
    lines = compare(content, better)
    by_label = {label: values for label, *values in lines}
    assert by_label["TGDA, features, 3 %: points lost"][1] == "0.5 (0.2 to 0.8)"
    with pytest.raises(SpecError, match="no attack in common"):
        compare(content, {**content, "attacks": []})


def test_ridge_auto_is_the_best_of_the_grid_by_hand(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["audit", "--data", f"features:{file}", "--out", str(tmp_path / "a"), "--ridge", "auto", "--plan"]
    assert main(arguments) == 0
    features = run(cell_spec(parse_spec(whole(file)), "flips", 0.03, 0), with_map=False).features
    z, y = features["train_z"], features["train_y"]
    losses = {}
    for ridge in GRID:
        left = []
        for fold in range(5):
            inside = np.arange(len(y)) % 5 == fold
            n = int((~inside).sum())
            model = LogisticRegression(C=1 / (n * ridge), tol=1e-8, max_iter=10_000).fit(z[~inside], y[~inside])
            left.append(-model.predict_log_proba(z[inside])[np.arange(inside.sum()), y[inside]])
        losses[ridge] = np.concatenate(left).mean()
    best = min(losses, key=losses.__getitem__)
    assert f"λ = {best:g} by cross-validation" in capsys.readouterr().out


def whole(file: Path) -> dict[str, Any]:
    return {"data": f"features:{file}", "train_size": 200, "test_size": 200}


@pytest.fixture
def unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has not run anything yet: its plans are those of the default rates."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))


@pytest.mark.usefixtures("unmeasured")
def test_what_evades_or_knows_less_counts_and_is_left_out_where_it_would_take_the_curves_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = ExperimentSpec()
    usual = make_plan(base, 10)
    assert sum(cell.is_evaded for cell in usual.cells) == 5
    assert [cell.limit for cell in usual.cells if cell.limit and cell.attack == "tgda-feature"] == ["points", "ridge"]
    curves = seconds(cell.spec for cell in usual.cells if cell.in_curve)
    others = seconds(cell.spec for cell in usual.cells if not cell.in_curve)
    assert usual.expected == pytest.approx((curves + others) / 0.7)
    estimate = cost.estimate
    monkeypatch.setattr(
        cost, "estimate", lambda *given: {stage: 30 * value for stage, value in estimate(*given).items()}
    )
    slow = make_plan(base, 10)
    assert not [cell for cell in slow.cells if not cell.in_curve]
    assert any("by attackers that evade a defence, or that know less, is left out" in text for text in slow.left_out)


@pytest.mark.usefixtures("unmeasured")
def test_the_wanted_grid_comes_first() -> None:
    plan = make_plan(ExperimentSpec(), 10)
    first = plan.cells[: 4 * 3 * 2]
    assert {cell.attack for cell in first} == {"flips", "tgda-feature"}
    assert {(cell.spec.budget, cell.spec.seed) for cell in first} == {
        (budget, seed) for budget in (0.01, 0.03, 0.1, 0.3) for seed in (0, 1, 2)
    }
    further = [cell for cell in plan.cells[len(first) :] if cell.is_evaded or cell.limit][:7]
    assert list(plan.cells[len(first) : len(first) + 7]) == further
    assert {cell.attack for cell in further} == {"tgda-feature"}
    assert plan.cells[len(first) + 7].attack == plan.attacks[-1]
    assert len(set(plan.cells)) == len(plan.cells)


@pytest.mark.usefixtures("unmeasured")
def test_what_is_measured_takes_no_time_and_stays_in_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_plan(ExperimentSpec(), 3)
    known = {cell.spec.hash for cell in first.cells}
    estimate = cost.estimate
    # The machine turns out to be thirty times slower: alone, the second plan would be a smaller one.
    monkeypatch.setattr(
        cost, "estimate", lambda *given: {stage: 30 * value for stage, value in estimate(*given).items()}
    )
    alone = make_plan(ExperimentSpec(), 3)
    assert len(alone.budgets) * len(alone.seeds) < len(first.budgets) * len(first.seeds)
    again = make_plan(ExperimentSpec(), 3, known=known)
    assert set(first.budgets) <= set(again.budgets)
    assert set(first.seeds) <= set(again.seeds)


@pytest.mark.usefixtures("unmeasured")
def test_a_plan_fits_its_time_or_says_what_it_leaves_out() -> None:
    base = ExperimentSpec()
    plans = [make_plan(base, minutes) for minutes in (1, 10, 60)]
    assert len(plans[0].cells) < len(plans[1].cells) < len(plans[2].cells)
    assert all(plan.left_out for plan in plans[:2])
    assert len(plans[1].budgets) >= 4
    assert len(plans[1].seeds) >= 3
    assert len(plans[1].attacks) >= 2
    assert attacks_for(base)[-1] == plans[2].attacks[-1]
    with pytest.raises(SpecError, match=r"--minutes is 0; allowed: 0\.5"):
        make_plan(base, 0)


def test_the_command_prints_its_plan_and_refuses_what_is_no_audit(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["audit", "--data", f"features:{file}", "--out", str(tmp_path / "a"), "--minutes", "1", "--plan"]
    assert main(arguments) == 0
    assert "flips, tgda-feature at" in capsys.readouterr().out
    assert not (tmp_path / "a").exists()
    with pytest.raises(StoreError, match="be read as an audit"):
        read_report(tmp_path)
