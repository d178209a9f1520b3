"""The walk through a run: which moments are kept, and that each is judged as a run's end would be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.attacks.execution import execute
from core.attacks.parts.settings import RADII
from core.experiments import trajectory
from core.experiments.plotting import _trajectory
from core.experiments.principal import Principal
from core.experiments.run import run
from core.experiments.trajectory import EvaluatedStep
from core.heads import logistic as head
from core.spec.events import Event, Snapshot
from core.spec.experiment import parse_spec
from core.spec.registry import ATTACKS
from tests import tiny
from tests.drawn import drawn_result

OPTIMISED = sorted(set(ATTACKS) - {"label-flip", "noise"})


def recorder_of(values: list[float]) -> trajectory.TrajectoryRecorder:
    """Of a stage whose poison's one feature is its step's number."""
    recorder = trajectory.TrajectoryRecorder()
    for step, value in enumerate(values):
        recorder(Event("stage2", 100 + step, 0, snapshot=lambda value=value: Snapshot(z=torch.tensor([[value]]))))
    return recorder


@pytest.mark.parametrize("steps", [1, 2, 6, 7, 8, 13, 14, 60, 1001])
def test_recorded_states_are_few_and_evenly_spread(steps: int) -> None:
    recorder = recorder_of([float(step) for step in range(steps)])
    states = recorder.states("stage2")
    assert len(states) == min(steps, len(states)) <= trajectory.SNAPSHOTS + 1
    assert len(states) >= min(steps, trajectory.SNAPSHOTS)
    done = [state.done for state in states]
    assert done[0] == 0
    assert done == sorted(set(done))
    assert [float(state.snapshot.z) for state in states if state.snapshot.z is not None] == done
    assert recorder.n_steps("stage2") == steps - 1
    if steps > 1:
        largest = max(np.diff([*done, steps]))
        assert largest <= max(1, 2 * np.ceil(steps / trajectory.SNAPSHOTS))


def test_poison_that_changes_in_place_does_not_change_recorded_states() -> None:
    recorder, z = trajectory.TrajectoryRecorder(), torch.zeros(2, 3)
    recorder(Event("stage2", 0, 2, snapshot=lambda: Snapshot(z=z)))
    z += 1
    recorder(Event("stage2", 1, 2, snapshot=lambda: Snapshot(z=z)))
    first, second = (state.snapshot.z for state in recorder.states("stage2"))
    assert first is not None
    assert second is not None
    assert float(first.abs().max()) == 0
    assert float(second.min()) == 1


def test_very_large_poison_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectory, "MAX_FEATURE_VALUES", 5)
    recorder = trajectory.TrajectoryRecorder()
    for z in (torch.zeros(2, 3), torch.zeros(1, 5)):
        recorder(Event("stage2", 0, 2, snapshot=lambda z=z: Snapshot(z=z)))
    assert [state.snapshot.z.shape for state in recorder.states("stage2") if state.snapshot.z is not None] == [(1, 5)]


@pytest.mark.parametrize("attack", OPTIMISED)
def test_every_attack_shows_poison_that_keeps_the_rules(attack: str) -> None:
    """Within the constraint, as 8-bit images, with the features that the images have."""
    scene, spec = tiny.scene(), tiny.spec(attack, constraint="valid")
    low, high = scene.box
    reported: list[Event] = []
    attacked = execute(spec, scene, lambda event: reported.append(frozen(event)))
    shown = [event.snapshot() for event in reported if event.snapshot is not None]
    assert shown
    for snapshot in shown:
        if snapshot.z is None:
            assert snapshot.theta is not None
            continue
        assert snapshot.z.shape == (spec.n_poison, scene.z.shape[1])
        if snapshot.x is None:
            assert bool(((snapshot.z >= low - 1e-6) & (snapshot.z <= high + 1e-6)).all())
        else:
            assert bool(((snapshot.x >= 0) & (snapshot.x <= 1)).all())
            torch.testing.assert_close(snapshot.x * 255, (snapshot.x * 255).round(), atol=1e-3, rtol=0)
            torch.testing.assert_close(scene.pipeline(snapshot.x), snapshot.z.float(), atol=1e-4, rtol=1e-4)
    assert attacked.x is None or attacked.x.shape[0] == spec.n_poison


@pytest.mark.parametrize("attack", ["tgda-feature", "gc-feature", "tgda-input", "gc-input", "ue-input"])
def test_the_last_moment_is_what_the_attack_hands_back(attack: str) -> None:
    scene = tiny.scene()
    settings = {"target": "gradpc"} if attack.startswith("gc") else {}
    reported: list[Event] = []
    attacked = execute(tiny.spec(attack, attack=settings), scene, lambda event: reported.append(frozen(event)))
    last = next(event.snapshot for event in reversed(reported) if event.snapshot is not None)()
    if attacked.x is None:
        assert attacked.zeta is not None
        torch.testing.assert_close(last.z, attacked.zeta)
    else:
        torch.testing.assert_close(last.x, attacked.x)


def frozen(event: Event) -> Event:
    """With its moment as it is now."""
    if event.snapshot is None:
        return event
    now = event.snapshot()
    copy = Snapshot(now.theta, None if now.z is None else now.z.clone(), now.x, now.y)
    return Event(event.stage, event.done, event.total, event.values, lambda: copy, event.target)


def test_of_several_targets_the_chosen_one_is_recorded() -> None:
    scene, recorder = tiny.scene(), trajectory.TrajectoryRecorder()
    attacked = execute(tiny.spec("gc-feature", attack={"target": "search"}), scene, recorder)
    assert attacked.target is not None
    radius = float((attacked.target - scene.clean_head).norm())
    assert min(abs(radius - r) for r in RADII) < 1e-6
    recorder.follow(attacked.target)
    ends = [state.snapshot.theta for state in recorder.states("target")]
    assert ends[-1] is not None
    torch.testing.assert_close(ends[-1], attacked.target)
    assert attacked.zeta is not None
    last = recorder.states("stage2")[-1].snapshot.z
    assert last is not None
    assert float((last - attacked.zeta).norm()) < 0.2 * float(attacked.zeta.norm())


def test_steps_are_evaluated_with_a_head_retrained_from_scratch() -> None:
    scene, recorder = tiny.scene(), trajectory.TrajectoryRecorder()
    attacked = execute(tiny.spec("ft-matching", attack={"stage2": "gc", "target": "gradpc"}), scene, recorder)

    def accuracy(theta: Tensor) -> float:
        return head.accuracy(theta, scene.z, scene.y)

    steps = list(
        trajectory.evaluate_steps(recorder, {}, lambda z, y, start: scene.retrained(z, attacked.y, start), accuracy)
    )
    assert list(dict.fromkeys(step.stage for step in steps)) == ["target", "stage2", "invert", "pixels"]
    for stage in ("target", "stage2", "invert", "pixels"):
        for step, state in zip([step for step in steps if step.stage == stage], recorder.states(stage), strict=True):
            theta, z = state.snapshot.theta, state.snapshot.z
            if z is not None:
                theta = head.fit(torch.cat([scene.z, z.float()]), torch.cat([scene.y, attacked.y]), 10, tiny.RIDGE)
            assert theta is not None
            assert step.accuracy == accuracy(theta)


def test_labels_that_change_on_the_way_are_those_of_each_step() -> None:
    """Exchanged samples bring their own labels: a step is retrained and shown with those that it had."""
    scene, recorder = tiny.scene(), trajectory.TrajectoryRecorder()
    settings = {"rounds": 6, "atoms": 12, "inner_steps": 1}
    attacked = execute(tiny.spec("fw-input", label_rule="clean", attack=settings), scene, recorder)
    labels: list[Tensor | None] = []

    def retrain(z: Tensor, y: Tensor | None, start: Tensor | None) -> Tensor:
        labels.append(y)
        return scene.retrained(z, attacked.y if y is None else y, start)

    def accuracy(theta: Tensor) -> float:
        return head.accuracy(theta, scene.z, scene.y)

    steps = list(trajectory.evaluate_steps(recorder, {}, retrain, accuracy))
    states = [state for stage in ("exchange", "pixels") for state in recorder.states(stage)]
    assert [step.stage for step in steps[:2]] == ["exchange", "exchange"]
    changed = 0
    for step, state, y in zip(steps, states, labels, strict=True):
        assert state.snapshot.z is not None
        assert (y is None) == (step.y is None) == (step.stage == "pixels")
        right = attacked.y if y is None else y
        if step.y is not None:
            np.testing.assert_array_equal(step.y, right)
            changed += int((right != attacked.y).sum())
        theta = head.fit(torch.cat([scene.z, state.snapshot.z.float()]), torch.cat([scene.y, right]), 10, tiny.RIDGE)
        assert step.accuracy == accuracy(theta)
    assert changed > 0


def test_labels_are_stored_only_where_they_change() -> None:
    flat, final = Principal.fit(np.eye(5)), np.array([7, 8, 9])
    first, last = EvaluatedStep("exchange", 0, 0.9, np.eye(5)[:2]), EvaluatedStep("poison", 0, 0.8, np.eye(5)[2:4])
    clean = EvaluatedStep("clean", 0, 1.0)
    assert "walk_y" not in _trajectory([clean, first, last], flat, final)
    changing = replace(first, y=np.array([4, 5]))
    stored = _trajectory([clean, changing, last], flat, final)
    assert stored["walk_y"].tolist() == [[4, 5], [7, 8]]
    plot = drawn_result(parse_spec({})).plot
    assert plot is not None
    assert plot.labels_at(0).tolist() == plot.poison_y.tolist()
    plot = replace(plot, walk_y=stored["walk_y"])
    assert [plot.labels_at(row).tolist() for row in (0, 1)] == [[4, 5], [7, 8]]


@pytest.mark.slow
def test_a_run_stores_its_trajectory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    attack = {"name": "ft-matching", "stage2": "gc", "steps": 50, "match_steps": 4, "finish_steps": 0}
    spec = parse_spec({"attack": attack, "train_size": 60, "test_size": 40, "budget": 0.3})
    result = run(spec, device="cpu")
    stages = [step.stage for step in result.trajectory]
    assert stages == sorted(stages, key=trajectory.PATH.index)
    assert set(stages) == {"clean", "target", "stage2", "invert", "poison"}
    by_stage = {step.stage: step.accuracy for step in result.trajectory}
    assert result.target is not None
    assert result.stage2 is not None
    assert by_stage["clean"] == result.clean.accuracy
    assert by_stage["target"] == result.target.accuracy
    assert by_stage["stage2"] == result.stage2.accuracy
    assert by_stage["poison"] == result.poisoned.accuracy
    points = sum(stage not in ("clean", "target") for stage in stages)
    images = sum(stage in ("invert", "pixels", "poison") for stage in stages)
    plot = result.plot
    assert plot is not None
    assert plot.walk_pca is not None
    assert plot.walk_x is not None
    assert plot.poison_x is not None
    assert plot.walk_pca.shape == (points, 18, 2)
    assert plot.walk_x.shape == (images, trajectory.IMAGE_SAMPLES, 1, 28, 28)
    np.testing.assert_array_equal(plot.walk_x[-1], plot.poison_x[: trajectory.IMAGE_SAMPLES])
    np.testing.assert_allclose(plot.walk_pca[-1], plot.poison_pca, atol=1e-4)
    without_map = run(spec, device="cpu", with_map=False)
    assert (list(without_map.trajectory), without_map.plot) == ([], None)
