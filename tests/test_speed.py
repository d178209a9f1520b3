"""The benchmark of speed: both ways of each comparison do the same, and its arithmetic is right."""

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import report
from benchmarks.speed import canceling, growth, head, heads, matching, measure, placing, roofline
from benchmarks.speed.__main__ import PARTS, main
from benchmarks.speed.material import Material, Size, case
from benchmarks.speed.stages import STAGES
from benchmarks.speed.work import Work, count_work
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.gradient_canceling import Canceling, gradpc_target
from core.attacks.algorithms.inversion import gaps, match
from core.attacks.algorithms.plan import make_plan
from core.heads.logistic import GRADIENT_TOLERANCE
from core.spec.events import silent
from tests import tiny

CPU = torch.device("cpu")


@pytest.mark.parametrize("warm", [False, True])
def test_all_solvers_end_at_the_same_head(warm: bool) -> None:
    scene = tiny.scene()
    start = scene.clean_head + 0.1 if warm else None
    rows = head.compare("tiny", scene.problem, start)
    assert [row.way for row in rows] == [
        "`core.heads.logistic`",
        *(f"scikit-learn, {solver}" for solver in head.SOLVERS),
    ]
    for row in rows:
        assert float(row.notes["Gradient norm"]) <= GRADIENT_TOLERANCE
        assert 0 <= float(row.notes["Objective above the least"]) < 1e-9


def test_scikit_learn_begins_where_it_is_told_to() -> None:
    scene = tiny.scene()
    content_at_once = head.fit_scikit_learn(scene.problem, "lbfgs", scene.clean_head, 1e6)
    torch.testing.assert_close(content_at_once, scene.clean_head, rtol=0, atol=0)


@pytest.mark.parametrize("shared", [True, False])
def test_many_heads_end_where_each_does(shared: bool) -> None:
    scene = tiny.scene()
    y = scene.y.reshape(3, 100)
    z = scene.z[:100] if shared else scene.z.reshape(3, 100, -1)
    for row in heads.compare("tiny", z, y, scene.n_classes):
        assert float(row.notes["Largest gradient norm"]) <= GRADIENT_TOLERANCE
        assert 0 <= float(row.notes["Objective above the least, at most"]) < 1e-9


def test_labels_are_flipped_to_wrong_ones() -> None:
    y = torch.arange(10).expand(200, 10)
    flipped = heads.flip_labels(y, 10)
    assert set(flipped.unique().tolist()) == set(range(10))
    assert float((flipped != y).double().mean()) == pytest.approx(heads.FLIPPED, abs=0.03)


def test_the_published_residual_is_ours() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("gc-feature"))
    theta, zeta = gradpc_target(scene, 3.0), scene.z[plan.base].double()
    theirs = canceling.published(scene.problem, theta, plan.y, zeta)
    ours = Canceling.prepare(scene.problem, theta, plan.y).residual(zeta)
    for one, other in zip(theirs, ours, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-15)


def test_both_ways_descend_to_the_same_residual() -> None:
    scene = tiny.scene()
    rows = canceling.compare("tiny", scene, make_plan(scene, tiny.spec("gc-feature")))
    few, reached = rows[:2], rows[2:]
    assert [row.notes["Steps"] for row in few] == [str(canceling.FEW_STEPS)] * 2
    goal = float(reached[0].case.split()[-1])
    assert [float(row.notes["Residual"]) <= goal * 1.01 for row in reached] == [True, True]
    assert int(reached[1].notes["Steps"]) <= canceling.STEPS


def test_images_matched_one_at_a_time_get_the_same_gaps() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", constraint="valid"))
    base, z = scene.images[plan.base], scene.z[plan.base]
    zeta = z.roll(1, 0)
    _, ours = match(Canvas(scene.pipeline, base, plan.feasible, plan.y), base, z, zeta, 5, 0.01, silent)
    theirs = matching.match_one_by_one(scene.pipeline, base, zeta, 5, 0.01)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
    assert float(ours.mean()) < 0.9 * float(gaps(z, zeta).mean())


def test_poison_is_placed_without_moving_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    z = tiny.scene().z.numpy()
    rows = placing.compare("tiny", z[:200], z[200:210], CPU)
    moved = [float(row.notes["Clean points moved by, median"]) for row in rows]
    assert moved[:2] == [0, 0]
    assert min(moved[2:]) > 0


@pytest.mark.parametrize("power", [-1.0, 0.5, 1.0, 2.0])
def test_the_slope_of_a_power_is_its_exponent(power: float) -> None:
    sizes = (1_000, 3_000, 60_000)
    slope, r2 = measure.slope(sizes, [0.02 * size**power for size in sizes])
    assert slope == pytest.approx(power, abs=1e-12)
    assert r2 == pytest.approx(1.0)


def test_what_scatters_is_no_power() -> None:
    _, r2 = measure.slope((1, 10, 100, 1_000), (1.0, 2.0, 1.0, 2.0))
    assert r2 == pytest.approx(0.2)


def test_other_ways_are_told_as_multiples_of_the_first() -> None:
    def rows(scale: float) -> list[measure.Row]:
        ways = {"ours": [0.9, 0.5, 0.1], "theirs": [2.0, 2.0, 2.0]}
        return [measure.Row("it", way, [scale * one for one in taken], {"Note": way[0]}) for way, taken in ways.items()]

    lines = measure.comparison({"cpu": rows(1.0)}).splitlines()
    assert lines[2:] == ["| it: ours | 500 ms | 1.00 | o |  |", "| it: theirs | 2 s | 4.00 | t |  |"]
    lines = measure.comparison({"cpu": rows(1.0), "cuda": rows(0.1)[:1]}).splitlines()
    assert lines[2:] == ["| it: ours | 500 ms | 1.00 | o | 50 ms |", "| it: theirs | 2 s | 4.00 | t |  |"]


def test_ways_are_timed_in_turn_after_a_warm_up() -> None:
    called: list[str] = []
    ways = {name: partial(called.append, name) for name in "ab"}
    taken, _ = measure.in_turn(ways, CPU)
    assert called == ["a", "b"] * (1 + measure.MAX_ROUNDS)
    assert [len(seconds) for seconds in taken.values()] == [measure.MAX_ROUNDS] * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_and_bytes_are_counted(dtype: torch.dtype) -> None:
    a, b = torch.ones(4, 5, dtype=dtype), torch.ones(30, 5, dtype=dtype)
    work = count_work(lambda: a @ b.T)
    size = a.element_size()
    assert (work.single, work.double) == ((2 * 4 * 5 * 30, 0) if size == 4 else (0, 2 * 4 * 5 * 30))
    assert work.bytes == size * (4 * 5 + 30 * 5 + 4 * 30)  # a view moves nothing


def test_the_formula_of_distances_is_that_of_their_product() -> None:
    stage = STAGES["Placing on the map"]
    assert stage.formula is not None
    poison, clean = torch.ones(4, 5), torch.ones(30, 5)
    assert stage.formula(Size(n=30, m=4, d=5)) == count_work(lambda: poison @ clean.T)


@pytest.mark.parametrize("name", ["TGDA, 2 steps", "Gradient Canceling, 100 steps"])
def test_operations_are_those_of_torchs_own_counter(name: str) -> None:
    scene = tiny.scene()
    run = STAGES[name].prepare(scene, make_plan(scene, tiny.spec("gc-feature")))
    with FlopCounterMode(display=False) as counter:
        run()
    assert count_work(run).flops == counter.get_total_flops() > 0


def test_operations_are_seen_in_inference_mode_too() -> None:
    layer, x = torch.nn.Conv2d(3, 8, 3), torch.ones(2, 3, 8, 8)
    inference = torch.inference_mode()(lambda: layer(x))
    assert count_work(inference).flops == count_work(lambda: layer(x)).flops == 2 * 2 * 8 * 3 * 9 * 36


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_runs_and_has_work_to_count(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    scene, stage = tiny.scene(), STAGES[name]
    run = stage.prepare(scene, make_plan(scene, tiny.spec("gc-feature")))
    run()
    work = stage.formula(Size()) if stage.formula else count_work(run)
    assert work.flops > 0
    assert work.bytes > 0
    assert set(stage.sizes) <= set(growth.AXES)


def test_the_slower_of_arithmetic_and_memory_binds() -> None:
    peak = roofline.Peak(single=100.0, double=50.0, copy=10.0)
    assert peak.products(Work(100, 100, 0)) == 3.0
    assert peak.bound(Work(100, 100, 10), 4.0) == "arithmetic"
    assert peak.bound(Work(100, 0, 20), 4.0) == "memory"
    assert peak.bound(Work(100, 0, 20), 40.0) == "neither"


def test_growth_is_told_with_its_slope_and_an_empty_place_for_the_gpu() -> None:
    taken = {size: [1e-4 * size] * 3 for size in (1_000, 2_000, 4_000)}
    line = growth.text({"cpu": {"n": {"it": taken}}}).splitlines()[2]
    assert line == "| it | 100 ms | 200 ms | 400 ms | 1.00 | 1.000 |  |  |  |"
    line = growth.text({"cpu": {"n": {"it": taken}}, "cuda": {"n": {"it": taken}}}).splitlines()[2]
    assert line.endswith("| 400 ms | 1.00 | 1.000 |")


def test_cases_have_the_sizes_that_were_asked_for() -> None:
    tiny_scene = tiny.scene()
    images = (tiny_scene.images * 255).round().byte().numpy()
    given = Material(images, tiny_scene.z, tiny_scene.y, tiny_scene.pipeline)  # type: ignore[arg-type]
    scene, plan = case(given, Size(n=100, m=7, d=9, c=5))
    assert scene.z.shape == (100, 9)
    assert scene.images.shape == (100, 1, 8, 8)
    assert plan.n_poison == 7
    assert scene.clean_head.shape == (5, 10)
    assert sorted(scene.y.unique().tolist()) == list(range(5))
    scene, _ = case(given, Size(n=200, m=7, d=24, c=20))
    assert sorted(scene.y.unique().tolist()) == list(range(20))
    assert torch.equal(scene.y // 2, tiny_scene.y[:200])


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_its_place_in_the_page(part: str) -> None:
    text = report.README.read_text()
    assert text.count(f"<!-- speed/{part} -->") == text.count(f"<!-- /speed/{part} -->") == 1


def test_an_unknown_part_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", "heed"])
    with pytest.raises(SystemExit):
        main()
    assert "there is no part heed; allowed: head, " in capsys.readouterr().err
