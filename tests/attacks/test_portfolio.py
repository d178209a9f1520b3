"""The portfolio: every start is what its attack makes, the race keeps the best by the training set, and says so."""

from dataclasses import replace

import pytest
import torch

from core.attacks.algorithms import portfolio
from core.attacks.algorithms.base import Attacked
from core.attacks.algorithms.outer import ALIKE, Outer
from core.attacks.algorithms.plan import follows_rule, make_plan
from core.attacks.best_input import BestInput
from core.attacks.execution import execute
from core.attacks.record import Workload
from core.attacks.registry import record_of
from core.attacks.starts import KEPT, STARTS, TRIED, field_sizes, parse_note
from core.spec.events import Event, silent
from tests import tiny

RULES = ("clean", "adversarial", "chosen")


def attacked(events: list[Event] | None = None, /, **values: object) -> Attacked:
    return execute(tiny.spec("best-input", **values), tiny.scene(), silent if events is None else events.append)


def train_accuracy(result: Attacked) -> float:
    """The accuracy on the clean training set of the head that scene and result retrain."""
    scene = tiny.scene()
    assert result.x is not None
    theta = scene.retrained(scene.features(result.x), result.y)
    return float((scene.problem.z @ theta.T).argmax(1).eq(scene.y).double().mean())


def noted(result: Attacked, kind: str) -> dict[tuple[str, str | None], float]:
    parsed = {parse_note(name): value for name, value in result.notes.items()}
    return {(parts[1], parts[2]): value for parts, value in parsed.items() if parts and parts[0] == kind}


@pytest.mark.parametrize("rule", ["clean", "adversarial", "random", "chosen"])
def test_what_is_kept_is_the_best_of_all_starts_by_the_accuracy_it_reports(rule: str) -> None:
    result = attacked(label_rule=rule)
    tried, kept = noted(result, TRIED), noted(result, KEPT)
    assert set(tried) == {(start, r) for start in STARTS for r in (RULES if rule == "chosen" else [None])}
    ((name, accuracy),) = kept.items()
    assert accuracy == train_accuracy(result)
    assert accuracy <= tried[name]
    assert tried[name] <= sorted(tried.values())[max(1, len(tried) // 2) - 1]  # in the better half after one cycle


@pytest.mark.parametrize("rule", ["clean", "adversarial", "random"])
def test_each_start_comes_to_what_it_comes_to_alone(rule: str) -> None:
    scene, spec = tiny.scene(), tiny.spec("best-input", label_rule=rule)
    together = noted(attacked(label_rule=rule), TRIED)
    for left_out in ({"rounds": 0}, {"match_steps": 0}, {"rounds": 0, "match_steps": 0}):
        some = execute(spec.model_copy(update={"attack": spec.attack.model_copy(update=left_out)}), scene, silent)
        for name, accuracy in noted(some, TRIED).items():
            assert accuracy == together[name]


def test_a_race_halves_its_field_and_counts_every_step() -> None:
    sizes = {(n, cycles): field_sizes(n, cycles) for n, cycles in ((1, 1), (3, 1), (3, 4), (9, 3))}
    assert sizes == {(1, 1): [1], (3, 1): [3, 1], (3, 4): [3, 1, 1, 1], (9, 3): [9, 4, 2, 1]}
    events: list[Event] = []
    attacked(events, label_rule="chosen")
    pixels = [event for event in events if event.stage == "pixels"]
    assert pixels[-1].done == pixels[-1].total == 2 * (9 + 4 + 2 + 1)
    assert [event.done for event in pixels] == sorted(event.done for event in pixels)
    assert {event.target for event in pixels} == set(range(1, 10))
    work = next(stage.work for stage in record_of("best-input").stages if stage.name == "pixels")
    load = Workload(100, 10, 1.0, 1.0, 0.0, 0.0, "chosen")
    assert work(BestInput(joint_steps=2, cycles=3), load) == 2 * (9 + 4 + 2 + 1)
    assert work(BestInput(joint_steps=2, cycles=3), replace(load, label_rule="clean")) == 2 * (3 + 1 + 1)


def test_events_and_result_name_the_same_start() -> None:
    result = attacked(label_rule="chosen")
    ((name, _),) = noted(result, KEPT).items()
    order = [(start, rule) for start in ("matched", "frank-wolfe", "real") for rule in RULES]
    assert order[result.target_index - 1] == name
    assert (result.zeta is not None) == (name[0] == "matched")


def test_under_the_chosen_rule_each_candidate_follows_the_rule_it_stands_for() -> None:
    scene, spec = tiny.scene(), tiny.spec("best-input", label_rule="chosen")
    plan = make_plan(scene, spec)
    starts = {"real": lambda plan, observe: portfolio.real_images(scene, plan, observe)}
    made = portfolio.candidates(scene, plan, starts, silent, by_influence=True)
    assert [candidate.rule for candidate in made] == list(RULES)
    clean, adversarial, _ = made
    assert torch.equal(clean.plan.y, scene.y[clean.plan.base])
    assert bool((adversarial.plan.y != scene.y[adversarial.plan.base]).all())
    for candidate in made:
        assert bool(follows_rule(scene, candidate.plan, candidate.plan.base, candidate.plan.y).all())
        assert torch.equal(candidate.x, scene.images[candidate.plan.base])


def test_fewer_failures_come_first_then_the_accuracy_then_the_loss() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("best-input"))
    one = portfolio.Candidate("real", None, 1, plan, scene.images[plan.base], counted_accuracy=0.8, outer_loss=0.2)
    order = [replace(one, counted_accuracy=0.7), replace(one, outer_loss=0.3), one, replace(one, failing=1)]
    mixed = [order[i] for i in (2, 0, 3, 1)]
    assert sorted(mixed, key=lambda candidate: candidate.rank, reverse=True) == order


def test_the_effect_of_a_candidate_is_that_of_its_exported_images() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("best-input"))
    x = torch.rand(scene.images[plan.base].shape, generator=torch.Generator().manual_seed(0))
    judged = portfolio.judged(scene, portfolio.Candidate("real", None, 1, plan, x), ALIKE)
    exported = Attacked(plan.y, plan.base, None, None, torch.round(x * 255) / 255, {})
    assert (judged.train_accuracy, judged.failing) == (train_accuracy(exported), 0)
    assert judged.counted_accuracy == judged.train_accuracy


def test_candidates_are_ranked_by_the_accuracy_that_the_outer_loss_counts() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("best-input"))
    z = scene.problem.z
    theta = scene.retrained(scene.z[plan.base], plan.y)
    right = (z @ theta.T).argmax(1).eq(scene.y).double()
    outer = Outer(2.0, torch.linspace(0, 2, len(right), dtype=torch.float64))
    judged = portfolio.judged(scene, portfolio.Candidate("real", None, 1, plan, scene.images[plan.base]), outer)
    assert outer.weights is not None
    assert judged.counted_accuracy == pytest.approx(float((right * outer.weights).mean()))
    assert judged.train_accuracy == pytest.approx(float(right.mean()))
