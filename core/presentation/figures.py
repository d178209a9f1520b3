"""The pictures of a finished run: figures and image strips from stored arrays, and the words that explain them."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots

from core.catalog.choices import defence_title
from core.experiments.result import least_budget

Array = NDArray[Any]

PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
"""Ten colours that people with any colour vision tell apart (Petroff 2021, arXiv 2107.02270)."""
NEUTRAL = "#8a93a0"
"""Readable on the light and on the dark background."""
CLEAN, POISONED = "#3f90da", "#e76300"
STAGE_WORDS = {"target": "target", "stage2": "stage 2", "decoder": "decoder", "invert": "inversion", "pixels": "pixels"}
"""Stages that have curves, short enough to stand beside each other on a phone."""
FEW_STEPS = 8
"""Fewer values than this are drawn with their points: three of them are no curve."""
MAP_HEIGHT = 480
STRIP_PIXELS = 80
"""Least height of an image in a strip; small images grow by whole factors."""
GAP = 4
MOST_AMPLIFIED = 64


def amplification(base: Array, poison: Array) -> int:
    """The whole factor that brings the largest difference of the run to full contrast; 0 where there is none.

    Args:
        base, poison: (m, C, H, W) uint8.
    """
    largest = int(np.abs(poison.astype(np.int16) - base).max(initial=0))
    return min(MOST_AMPLIFIED, max(1, 127 // largest)) if largest else 0


def strip(base: Array, poison: Array | None, factor: int) -> bytes:
    """One PNG: base, poison and their difference (grey is no change) side by side; base alone without poison.

    Args:
        base, poison: (C, H, W) uint8.
    """
    images = [base]
    if poison is not None:
        difference = 128 + factor * (poison.astype(np.int16) - base)
        images += [poison, np.clip(difference, 0, 255).astype(np.uint8)]
    return row_of(images, STRIP_PIXELS)


def row_of(images: Iterable[Array], least: int = 0, gap: int = GAP) -> bytes:
    """One PNG of images (C, H, W) uint8 side by side.

    Args:
        least: height in pixels that each has at least: small ones grow by whole factors.
        gap: pixels between them.
    """
    tiles: list[Array] = []
    for image in images:
        scale = max(1, -(-least // image.shape[1]))
        pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        tile = opaque.repeat(scale, axis=0).repeat(scale, axis=1)
        tiles += [tile, np.zeros((tile.shape[0], gap, 4), np.uint8)]
    buffer = BytesIO()
    Image.fromarray(np.hstack(tiles)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def map_figure(view: Mapping[str, Array], classes: Sequence[str], show_stage2: bool) -> go.Figure:
    """Clean training features by class, and where the poison landed, drawn from its base images."""
    figure = go.Figure()
    train_xy, train_y = view["train_xy"], view["train_y"]
    for label, name in enumerate(classes):
        rows = np.flatnonzero(train_y == label)
        figure.add_trace(
            go.Scattergl(
                x=train_xy[rows, 0],
                y=train_xy[rows, 1],
                name=name,
                mode="markers",
                marker={"size": 5, "color": PALETTE[label % len(PALETTE)], "opacity": 0.55},
                customdata=rows,
                hovertemplate=f"{name}<br>training image %{{customdata}}<extra></extra>",
            )
        )
    base, poison = view["base_xy"], view["poison_xy"]
    figure.add_trace(_base_markers(view, classes))
    figure.add_trace(arrows(base, poison, "its move", NEUTRAL))
    if show_stage2 and "stage2_xy" in view:
        stage2 = view["stage2_xy"]
        figure.add_trace(arrows(base, stage2, "stage 2's aim", NEUTRAL, dash="dot"))
        figure.add_trace(
            go.Scattergl(
                x=stage2[:, 0],
                y=stage2[:, 1],
                name="stage 2",
                mode="markers",
                marker={"symbol": "cross-thin", "size": 9, "line": {"width": 2, "color": NEUTRAL}},
                customdata=np.arange(len(stage2)),
                hovertemplate="stage 2 of poison %{customdata}<extra></extra>",
            )
        )
    figure.add_trace(_poison_markers(view, classes))
    figure.update_layout(
        height=MAP_HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "itemsizing": "constant",
            "title": None,
            "entrywidth": max(92, 7 * max(map(len, classes))),
        },
        hovermode="closest",
    )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False, title=None)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, title=None, scaleanchor="x", scaleratio=1)
    return figure


def _base_markers(view: Mapping[str, Array], classes: Sequence[str]) -> go.Scattergl:
    xy = view["base_xy"]
    return go.Scattergl(
        x=xy[:, 0],
        y=xy[:, 1],
        name="base",
        mode="markers",
        marker={"symbol": "circle-open", "size": 9, "line": {"width": 1.5}, "color": NEUTRAL},
        text=[f"base of poison {i}: {classes[label]}" for i, label in enumerate(view["base_y"])],
        hovertemplate="%{text}<extra></extra>",
    )


def _poison_markers(view: Mapping[str, Array], classes: Sequence[str]) -> go.Scattergl:
    xy, y, base_y = view["poison_xy"], view["poison_y"], view["base_y"]
    words = [
        f"poison {i}: {classes[old]} labelled {classes[new]}<br>shift {shift:.2f}"
        for i, (old, new, shift) in enumerate(zip(base_y, y, view["shift"], strict=True))
    ]
    return go.Scattergl(
        x=xy[:, 0],
        y=xy[:, 1],
        name="poison",
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 9,
            "color": [PALETTE[label % len(PALETTE)] for label in y],
            "line": {"width": 1.5, "color": "#ffffff"},
        },
        text=words,
        customdata=np.arange(len(xy)),
        hovertemplate="%{text}<extra></extra>",
    )


def arrows(start: Array, end: Array, name: str, color: str, dash: str = "solid") -> go.Scattergl:
    """All arrows' shafts as one trace; what stands at their ends is the arrows' head."""
    x, y = shafts(start, end)
    return go.Scattergl(
        x=x,
        y=y,
        name=name,
        mode="lines",
        line={"width": 1, "color": color, "dash": dash},
        opacity=0.7,
        hoverinfo="skip",
    )


def shafts(start: Array, end: Array) -> tuple[Array, Array]:
    """Coordinates (3 m,) of lines from starts to ends, (m, 2) each, as one line with breaks."""
    breaks = np.full(len(start), np.nan, start.dtype)
    x, y = (np.column_stack([start[:, axis], end[:, axis], breaks]).ravel() for axis in (0, 1))
    return x, y


def accuracy_figure(scores: Mapping[str, float | None]) -> go.Figure:
    """One bar for each accuracy that the run has, in percent; fractions come in."""
    known = {name: 100 * value for name, value in scores.items() if value is not None}
    colors = [CLEAN if name == "Clean" else POISONED if name == "Poisoned" else NEUTRAL for name in known]
    figure = go.Figure(
        go.Bar(
            x=list(known),
            y=list(known.values()),
            marker={"color": colors},
            text=[f"{value:.1f}" for value in known.values()],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
        )
    )
    figure.update_layout(height=220, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=False, bargap=0.35)
    figure.update_xaxes(tickangle=0, tickfont={"size": 10 if len(known) > 3 else 12})
    figure.update_yaxes(range=[0, 108], tickvals=[0, 25, 50, 75, 100], title="Test accuracy, %")
    return figure


def per_class_figure(clean: Sequence[float], poisoned: Sequence[float], classes: Sequence[str]) -> go.Figure:
    """Loss of accuracy of each class in points, the hardest hit on top."""
    drops = [100 * (before - after) for before, after in zip(clean, poisoned, strict=True)]
    order = sorted(range(len(drops)), key=drops.__getitem__)
    figure = go.Figure(
        go.Bar(
            x=[drops[i] for i in order],
            y=[classes[i] for i in order],
            orientation="h",
            marker={"color": [POISONED if drops[i] > 0 else CLEAN for i in order]},
            text=[f"{drops[i]:.1f}" for i in order],
            textposition="outside",
            cliponaxis=False,
            customdata=[[100 * clean[i], 100 * poisoned[i]] for i in order],
            hovertemplate="%{y}: %{customdata[0]:.1f} % → %{customdata[1]:.1f} %<extra></extra>",
        )
    )
    low, high = min(0.0, *drops), max(1.0, *drops)
    room = 0.28 * (high - low)
    figure.update_layout(
        height=60 + 24 * len(classes), margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False, bargap=0.25
    )
    figure.update_xaxes(range=[low - (room if low < 0 else 0), high + room], title="Points lost")
    figure.update_yaxes(automargin=True, title=None, type="category", ticksuffix=" ")
    return figure


def reach_figure(threshold: Mapping[str, Any], height: int = 260) -> go.Figure:
    """How near to its target an attack could come at each budget, and where this run came."""
    budgets = [100 * budget for budget, _ in threshold["floor"]]
    floor = [residual for _, residual in threshold["floor"]]
    figure = go.Figure(
        [
            go.Scatter(
                x=budgets,
                y=floor,
                name="floor",
                mode="lines",
                fill="tozeroy",
                line={"width": 2, "color": NEUTRAL},
                hovertemplate="At %{x:.3g} %: no nearer than %{y:.3g}<extra></extra>",
            ),
            go.Scatter(
                x=[100 * threshold["budget"]],
                y=[threshold["residual"]],
                name="this run",
                mode="markers",
                marker={"size": 12, "symbol": "diamond", "color": PALETTE[1]},
                hovertemplate="This run: %{x:.3g} %, %{y:.3g}<extra></extra>",
            ),
        ]
    )
    limits = [(threshold["tau_ridge"], "threshold"), (threshold["certificate"], "certificate")]
    known = sorted((value, words) for value, words in limits if value and 100 * value <= budgets[-1])
    for place, (value, words) in enumerate(known):
        # The larger one's words go to the right, so that two that are close do not overlap.
        side = "left" if place + 1 == len(known) else "right"
        figure.add_vline(x=100 * value, line={"width": 1, "dash": "dot", "color": NEUTRAL})
        # Plotly takes a line's place on a logarithmic axis as it is, but an annotation's as its logarithm.
        figure.add_annotation(
            x=math.log10(100 * value),
            y=1,
            yref="paper",
            text=words,
            showarrow=False,
            xanchor=side,
            yanchor="bottom",
        )
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "title": None},
    )
    ends = [math.log10(budgets[0]), math.log10(budgets[-1])]
    figure.update_xaxes(type="log", title="Budget, %", dtick=1, range=ends)
    figure.update_yaxes(title="Gradient left at the target", rangemode="tozero", automargin=True)
    return figure


def difference_words(factor: int) -> str:
    """How to read a strip of a run whose differences are amplified by `factor`; 0 is a run that changes no pixel."""
    if factor == 0:
        return "Base | poisoned | difference: no pixel is changed, only the labels are wrong."
    amplified = f", amplified {factor}×" if factor > 1 else ""
    return f"Base | poisoned | difference{amplified}, around grey."


def map_words(view: Mapping[str, Array]) -> str:
    """How to read the map, and what must not be read into it."""
    floor = float(view["noise_floor"])
    shifts = sorted(float(value) for value in view["shift"])
    moved = (
        f"In feature space, where distances count, the median poison moved by {shifts[len(shifts) // 2]:.2f}."
        if shifts[-1] > 0
        else "In feature space no poison moved at all: here every line on the map is noise."
    )
    return (
        "Diamonds are poison, coloured by their label; lines lead to them from their base images. "
        "The map was fitted once, on clean features; only poison is placed into it afterwards. "
        f"Noise floor: {floor:.2f} map units. Of points that did not change at all, one in twenty still lands "
        f"farther off than that, so shorter lines mean nothing. {moved}"
    )


def decoder_words(notes: Mapping[str, float]) -> str:
    """How well the run's decoder does on real images that it was not trained on; "" where there is none."""
    if "decoder_gap" not in notes:
        return ""
    return (
        f"On real images that the decoder was not trained on, its pixels are off by {notes['decoder_pixel_error']:.2f} "
        f"(root mean square, of 1) and its features by {100 * notes['decoder_gap']:.0f}%."
    )


def evasion_words(result: Mapping[str, Any]) -> str:
    """How much of the poison passes the defence that the attacker expects; "" where they expect none."""
    if "evade" not in result["spec"]:
        return ""
    return (
        f"The attacker expects the defence {defence_title(result['spec']['evade'])}: "
        f"{100 * result['notes']['evaded']:.0f} % of the poison passes it as they have fitted it, to clean data alone."
    )


def reach_words(threshold: Mapping[str, Any]) -> str:
    """In one sentence: was the target within reach of the budget?"""
    least, budget = least_budget(threshold), 100 * threshold["budget"]
    if least is None:
        return "**No budget is enough**: the ridge alone keeps every defender away from this target."
    needs = f"this target needs at least {100 * least:.3g} % poison, and the budget is {budget:.3g} %."
    if 100 * least > budget:
        return f"**Out of reach**: {needs}"
    return f"**Not ruled out**: {needs} More can be needed than this bound says."


def curve_figure(curve: Sequence[Mapping[str, Any]]) -> go.Figure:
    """What a run said of itself at each step: a panel for each quantity, stages from left to right in all of them."""
    names = list(dict.fromkeys(key for point in curve for key in point if key not in ("stage", "done")))
    names.sort(key=lambda name: "accuracy" not in name)
    x, spans = _stage_spans(curve)
    told = [f"{STAGE_WORDS.get(point['stage'], point['stage'])}, step {point['done']:,}" for point in curve]
    figure = make_subplots(
        max(1, len(names)),
        1,
        shared_xaxes=True,
        vertical_spacing=0.24 / max(1, len(names)),
        subplot_titles=[_quantity(name) for name in names],
    )
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    for row, name in enumerate(names, start=1):
        scale = 100 if "accuracy" in name else 1
        # Points without this value stay in as gaps: a line from one stage to another would be made up.
        values = [None if point.get(name) is None else scale * point[name] for point in curve]
        figure.add_trace(
            go.Scatter(
                x=x,
                y=values,
                name=_quantity(name),
                mode="lines+markers" if sum(value is not None for value in values) < FEW_STEPS else "lines",
                connectgaps=False,
                line={"width": 2, "color": PALETTE[(row - 1) % len(PALETTE)]},
                customdata=told,
                hovertemplate="%{customdata}: %{y:.4g}<extra></extra>",
            ),
            row=row,
            col=1,
        )
    for start, _, _ in spans[1:]:
        figure.add_vline(x=start, line={"width": 1, "dash": "dot", "color": NEUTRAL})
    figure.update_layout(
        height=40 + 120 * max(1, len(names)),
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        hovermode="x",
        showlegend=False,
    )
    figure.update_xaxes(
        title=None,
        showgrid=False,
        range=[0, spans[-1][1]] if spans else None,
        tickvals=[(start + end) / 2 for start, end, _ in spans],
        ticktext=[STAGE_WORDS.get(stage, stage) for _, _, stage in spans],
        tickangle=0,
    )
    figure.update_yaxes(automargin=True, nticks=5)
    return figure


def _quantity(name: str) -> str:
    """What a panel of the curves shows."""
    words = name.replace("_", " ").capitalize()
    return f"{words}, %" if "accuracy" in name else words


def _stage_spans(curve: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[tuple[float, float, str]]]:
    """A place from left to right for each step, and start, end and name of each stage in a row.

    A stage of one step is as wide as its name needs; else the names of short stages would lie on each other.
    """
    stages = [str(point["stage"]) for point in curve]
    groups = [(stage, len(list(steps))) for stage, steps in itertools.groupby(stages)]
    least = len(stages) * min(0.18, 1 / max(1, len(groups)))
    x: list[float] = []
    spans: list[tuple[float, float, str]] = []
    start = 0.0
    for stage, steps in groups:
        width = max(float(steps), least)
        x += [start + width * (i + 0.5) / steps for i in range(steps)]
        spans.append((start, start + width, stage))
        start += width
    return x, spans


def quality_figure(scores: Mapping[str, Mapping[str, float]], names: Mapping[str, str], pixels: str) -> go.Figure:
    """Accuracy on each data set by extractor; raw pixels are what there is to beat.

    Args:
        scores: fractions by extractor, then by data set.
        names: words for both.
        pixels: the key of raw pixels.
    """
    figure = go.Figure()
    data = list(dict.fromkeys(name for row in scores.values() for name in row))
    for i, name in enumerate(data):
        values = {key: 100 * row[name] for key, row in scores.items() if name in row}
        figure.add_bar(
            y=[names[key] for key in values],
            x=list(values.values()),
            orientation="h",
            text=[f"{value:.1f}" for value in values.values()],
            textangle=0,
            textposition="outside",
            cliponaxis=False,
            name=names[name],
            marker={"color": PALETTE[i], "opacity": [0.45 if key == pixels else 1.0 for key in values]},
            hovertemplate="%{x:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=90 + 75 * len(scores),
        barmode="group",
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "title": None, "traceorder": "normal"},
    )
    figure.update_xaxes(title="Test accuracy, %", range=[0, 108], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
