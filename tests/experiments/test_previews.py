"""What is shown of an attack while it runs: its own state, on the map of the clean points, and no effect on the run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.attacks.algorithms.base import Attacked
from core.attacks.execution import execute
from core.experiments import previews, projection
from core.experiments.previews import Previewer
from core.experiments.result import Result, to_uint8
from core.experiments.run import run
from core.experiments.watch import RunWatch
from core.spec.events import Event, Snapshot, made_from
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.preview import IMAGES, POINTS, Preview
from core.spec.registry import ATTACKS
from tests import tiny

ON_IMAGES = sorted(name for name in ATTACKS if name.endswith(("input", "matching", "decoder")))


def followed(spec: ExperimentSpec) -> tuple[Attacked, list[tuple[Event, Snapshot, Preview]]]:
    """An attack on the tiny scene, and its previews beside the snapshots that they are of."""
    scene, seen = tiny.scene(), list[tuple[Event, Snapshot, Preview]]()

    def see(event: Event) -> None:
        if event.preview is not None and (preview := event.preview()) is not None:
            assert event.snapshot is not None
            now = event.snapshot()  # which attacks go on changing
            copy = Snapshot(z=None if now.z is None else now.z.clone(), x=None if now.x is None else now.x.clone())
            seen.append((event, copy, preview))

    watch = RunWatch(see, previewer=Previewer(scene, scene.z, scene.y))
    return execute(spec, scene, watch), seen


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("attack", "rule"),
    [*((name, "clean") for name in ON_IMAGES), ("fw-input", "adversarial"), ("ft-matching", "adversarial")],
)
def test_a_preview_is_the_state_of_the_attack(attack: str, rule: str) -> None:
    scene, spec = tiny.scene(), tiny.spec(attack, label_rule=rule, budget=0.1)
    attacked, seen = followed(spec)
    for event, snapshot, preview in seen:
        assert (preview.stage, preview.done, preview.total) == (event.stage, event.done, event.total)
        assert preview.n_poison == spec.n_poison == 30
        assert snapshot.z is not None
        base = torch.from_numpy(preview.base_index)
        assert preview.base_x is not None
        np.testing.assert_array_equal(preview.base_x, to_uint8(scene.images[base[:IMAGES]].numpy()))
        np.testing.assert_array_equal(preview.base_y, scene.y[base].numpy())
        shift = (snapshot.z.float() - scene.z[base]).norm(dim=1)
        np.testing.assert_allclose(preview.shift, shift, rtol=1e-5, atol=1e-6)
        if rule == "clean":
            np.testing.assert_array_equal(preview.y, preview.base_y)
        else:
            assert bool((preview.y != preview.base_y).all())
        assert (preview.poison_x is None) == (snapshot.x is None)
        if snapshot.x is not None:
            assert preview.poison_x is not None
            assert preview.poison_x.shape == (IMAGES, 1, 8, 8)
            np.testing.assert_array_equal(preview.poison_x, to_uint8(snapshot.x[:IMAGES].numpy()))
    own = [preview for event, _, preview in seen if event.target in (0, attacked.target_index)]
    assert {preview.stage for preview in own} & {"pixels", "invert"}
    last = own[-1]
    if attack != "ft-matching" and last.stage != "stage2":  # the best of several starts need not be the last
        np.testing.assert_array_equal(last.base_index, attacked.base)
        np.testing.assert_array_equal(last.y, attacked.y)


@pytest.mark.parametrize("attack", ["tgda-input", "ue-input"])
def test_the_last_preview_is_the_poison(attack: str) -> None:
    attacked, seen = followed(tiny.spec(attack))
    assert attacked.x is not None
    np.testing.assert_array_equal(seen[-1][2].poison_x, to_uint8(attacked.x[:IMAGES].numpy()))


def test_exchanged_samples_come_with_their_own_bases() -> None:
    spec = tiny.spec("fw-input", label_rule="clean", attack={"rounds": 6, "atoms": 12, "inner_steps": 1})
    _, seen = followed(spec)
    exchange = [preview.base_index for _, _, preview in seen if preview.stage == "exchange"]
    assert not np.array_equal(exchange[0], exchange[-1])


def test_the_innermost_word_on_the_bases_counts() -> None:
    seen: list[Snapshot] = []

    def see(event: Event) -> None:
        assert event.snapshot is not None
        seen.append(event.snapshot())

    one, two = torch.tensor([1]), torch.tensor([2])
    observe = made_from(made_from(see, one, one), two, two)
    observe(Event("pixels", snapshot=Snapshot))
    observe(Event("pixels", snapshot=lambda: Snapshot(base=torch.tensor([3]))))
    assert [
        (int(some.base), int(some.labels)) for some in seen if some.base is not None and some.labels is not None
    ] == [
        (2, 2),
        (3, 2),
    ]


def test_points_stand_on_the_map_of_the_clean_ones_once_it_is_there() -> None:
    scene, spec = tiny.scene(), tiny.spec("tgda-input")
    assert all(preview.xy is None and preview.train_xy is None for _, _, preview in followed(spec)[1])
    fitted = projection.fit(scene.z.numpy())
    _, seen = followed(spec)
    for i, (_, snapshot, preview) in enumerate(seen):
        assert snapshot.z is not None
        np.testing.assert_array_equal(preview.xy, fitted.place(snapshot.z[:POINTS].float().numpy()))
        assert (preview.train_xy is None) == (i > 0), "all clean points are sent once"
    np.testing.assert_array_equal(seen[0][2].train_xy, fitted.xy)
    np.testing.assert_array_equal(seen[0][2].train_y, scene.y)
    assert not np.array_equal(seen[0][2].xy, seen[-1][2].xy)


def test_too_many_clean_points_have_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    projection.fit(tiny.scene().z.numpy())
    monkeypatch.setattr(previews, "MOST_CLEAN", 299)
    assert all(preview.xy is None for _, _, preview in followed(tiny.spec("tgda-input"))[1])


def test_large_images_are_reduced() -> None:
    image = torch.zeros(2, 3, 130, 65)
    image[0, 1] = 1.0
    small = previews._small(image)
    assert small.shape == (2, 3, 44, 22)
    assert [int(small[0, channel].max()) for channel in range(3)] == [0, 255, 0]


SETTINGS: dict[str, dict[str, Any]] = {
    "fw-input": {"rounds": 2, "atoms": 4, "inner_steps": 2, "joint_steps": 2},
    "ft-matching": {"steps": 3, "match_steps": 3, "finish_steps": 2},
}


def arrays_of(result: Result) -> dict[str, Any]:
    assert result.plot is not None
    poison = {f"poison {name}": value for name, value in vars(result.poison).items() if name != "own_base"}
    if result.poison.own_base is not None:
        poison["own base"], poison["own base features"] = result.poison.own_base
    return {**poison, **dict(result.features), **{f"plot {k}": v for k, v in result.plot.to_arrays().items()}}


@pytest.mark.parametrize(
    ("attack", "more"), [*((name, {}) for name in SETTINGS), ("fw-input", {"attacker_data": "other"})]
)
def test_a_run_that_is_followed_has_the_same_result_to_the_last_bit(attack: str, more: dict[str, Any]) -> None:
    settings = {"name": attack, **SETTINGS[attack]}
    spec = parse_spec({"attack": settings, "train_size": 60, "test_size": 20, "budget": 0.2, **more})
    made: list[Preview] = []

    def see(event: Event) -> None:
        if event.preview is not None and (preview := event.preview()) is not None:
            made.append(preview)

    alone = run(spec, device="cpu")
    seen = run(spec, see, device="cpu")
    assert len(made) > 4
    assert all(preview.xy is not None for preview in made), "the first run has fitted the map"
    assert (min(preview.base_index.min() for preview in made) == -1) == bool(more)
    before, after = arrays_of(alone), arrays_of(seen)
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert (alone.poisoned, alone.notes, alone.curve) == (seen.poisoned, seen.notes, seen.curve)
    assert alone.trajectory == seen.trajectory
    assert alone.spec.hash == seen.spec.hash


def test_an_extractor_of_the_attackers_own_has_nothing_to_show() -> None:
    settings = {"name": "tgda-input", "steps": 2}
    values = {"train_size": 40, "test_size": 20, "budget": 0.1, "attacker_extractor": "resnet10-small-mnist"}
    made: list[Event] = []
    run(parse_spec({"attack": settings, **values}), made.append, device="cpu", with_map=False)
    assert all(event.preview is None for event in made)
