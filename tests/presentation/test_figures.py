"""What figures draw."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.catalog.choices import resolve
from core.experiments.summary import CurvePoint
from core.heads.scores import Reachability
from core.presentation import captions, figures
from core.presentation.figures.curve import QUANTITIES
from core.spec.experiment import parse_spec
from core.system.paths import GALLERY as SHIPPED
from tests.drawn import drawn_result


def test_curve_leaves_gaps_where_a_stage_has_no_such_value() -> None:
    curve = [
        CurvePoint("stage2", 1, {"train_accuracy": 0.9}),
        CurvePoint("invert", 1, {"gap": 0.5}),
        CurvePoint("pixels", 1, {"train_accuracy": 0.8}),
    ]
    lines = {trace.name: list(trace.y) for trace in figures.curve_figure(curve).data}
    assert lines == {
        "Training images read right, %": [90.0, None, 80.0],
        "Features of the images off by, %": [None, 50.0, None],
    }


def test_every_quantity_of_a_registered_attack_is_explained_and_one_of_a_plug_in_keeps_its_name() -> None:
    shipped = {name for run in SHIPPED.glob("*/result.json") for name in _quantities(run)}
    assert {"train_accuracy", "residual", "radius", "gap", "damage", "loss"} <= shipped
    assert shipped <= QUANTITIES.keys()
    curve = [CurvePoint("target", 1, {"radius": 4.0, "own_value": 1.0, "own_accuracy": 0.25})]
    assert figures.curve_meanings(curve).startswith("- **Target head's distance from the clean one**: How far")
    assert figures.curve_meanings(curve).count("\n") == 0
    lines = {trace.name: list(trace.y) for trace in figures.curve_figure(curve).data}
    assert lines["Own value"] == [1.0]
    assert lines["Own accuracy, %"] == [25.0]


def _quantities(result: Path) -> set[str]:
    points = json.loads(result.read_text())["curve"]
    return {name for point in points for name in point} - {"stage", "done"}


def test_curve_gives_each_quantity_a_panel_and_each_stage_room_for_its_name() -> None:
    curve = [CurvePoint("target", 1, {"radius": 4.0})]
    curve += [CurvePoint("stage2", i, {"residual": 1 / i}) for i in range(1, 100)]
    figure = figures.curve_figure(curve)
    assert len({trace.yaxis for trace in figure.data}) == 2
    short, long = figure.layout.xaxis.tickvals
    assert short / figure.layout.xaxis.range[1] > 0.05
    assert figure.layout.xaxis2.ticktext == ("target", "stage 2")
    assert figure.data[0].customdata[0] == "target, step 1"
    assert short < figure.layout.shapes[0].x0 < long


def test_difference_is_amplified_around_grey() -> None:
    base = np.full((1, 1, 2, 2), 100, np.uint8)
    poison = base.copy()
    poison[0, 0, 0, 0] += 12
    assert figures.amplification(base, poison) == 10
    assert figures.amplification(base, base) == 0


@pytest.mark.parametrize(
    ("tau_ridge", "certificate", "words"),
    [
        (None, None, "No budget is enough"),
        (0.01, 0.2, "needs at least 20 %"),
        (0.2, None, "Out of reach"),
        (0.02, 0.01, "Not ruled out"),
    ],
)
def test_words_on_reach_follow_the_tighter_bound(
    tau_ridge: float | None, certificate: float | None, words: str
) -> None:
    reach = Reachability(0.03, 0.1, tau_ridge, certificate, 0.5, [(0.01, 1.0), (0.1, 0.0)])
    assert words in captions.reach_caption(reach)
    lines = figures.reach_figure(reach).layout.shapes
    assert len(lines) == sum(value is not None and value <= 0.1 for value in (tau_ridge, certificate))


def test_map_holds_clean_points_bases_and_poison() -> None:
    result = drawn_result(resolve(parse_spec({"train_size": 40, "test_size": 20, "budget": 0.1})))
    plot = result.plot
    assert plot is not None
    figure = figures.map_figure(plot, result.classes, show_stage2=True)
    traces = {trace.name: trace for trace in figure.data}
    assert sum(len(traces[name].x) for name in result.classes) == 40
    for name, xy in (("base", plot.base_xy), ("poisoned", plot.poison_xy), ("stage 2", plot.stage2_xy)):
        np.testing.assert_array_equal(np.column_stack([traces[name].x, traces[name].y]), xy)
    plain = figures.map_figure(plot, result.classes, show_stage2=False)
    assert "stage 2" not in {trace.name for trace in plain.data}


def test_map_draws_no_move_of_what_has_not_moved() -> None:
    """The copies of a label flip are placed a little beside their originals, which is noise."""
    result = drawn_result(resolve(parse_spec({"train_size": 40, "test_size": 20, "budget": 0.1})))
    assert result.plot is not None
    plot = replace(result.plot, shift=np.array([0, 2, 1e-6, 3], np.float32))
    traces = {trace.name: trace for trace in figures.map_figure(plot, result.classes, show_stage2=False).data}
    places = np.column_stack([traces["poisoned"].x, traces["poisoned"].y])
    np.testing.assert_array_equal(places, [plot.base_xy[0], plot.poison_xy[1], plot.base_xy[2], plot.poison_xy[3]])
    lines = np.column_stack([traces["shift"].x, traces["shift"].y]).reshape(2, 3, 2)
    np.testing.assert_array_equal(lines[:, 0], plot.base_xy[[1, 3]])
    np.testing.assert_array_equal(lines[:, 1], plot.poison_xy[[1, 3]])
    assert "lines lead to them" in captions.map_caption(plot)

    still = replace(plot, shift=np.zeros(4, np.float32))
    assert "shift" not in {trace.name for trace in figures.map_figure(still, result.classes, show_stage2=False).data}
    assert "lines" not in captions.map_caption(still)
    assert "no poisoned sample moved" in captions.map_caption(still)


@pytest.mark.parametrize(
    ("side", "shown", "factor"), [(28, 56, 0), (64, 64, 1), (111, 111, 1), (112, 56, 2), (224, 56, 4)]
)
def test_a_thumbnail_of_a_large_image_is_the_mean_of_its_pixels(side: int, shown: int, factor: int) -> None:
    """Lists show hundreds of images; those of a user may have 224 px."""
    image = np.random.default_rng(0).integers(0, 256, (3, side, side), dtype=np.uint8)
    with Image.open(BytesIO(figures.thumbnail(image, 56))) as png:
        assert png.size == (shown, shown)
        drawn = np.asarray(png.convert("RGB")).transpose(2, 0, 1).astype(float)
    if factor == 0:
        np.testing.assert_array_equal(drawn, image.repeat(2, 1).repeat(2, 2))
    else:
        means = image.reshape(3, shown, factor, shown, factor).mean((2, 4))
        assert np.abs(drawn - means).max() <= 0.5
