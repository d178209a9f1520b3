"""The map of a run: clean training features by class, and the poison with lines from the base images it moved from."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.experiments.plot_data import PlotData
from core.presentation.figures.palette import NEUTRAL, PALETTE
from core.system.arrays import Array
from core.system.numbers import fixed

MAP_HEIGHT = 480


def map_figure(plot: PlotData, classes: Sequence[str], show_stage2: bool) -> go.Figure:
    """The map of a run.

    Args:
        plot: arrays of the run.
        classes: class names.
        show_stage2: whether to draw the features of stage 2, if the run has one.
    """
    figure = go.Figure()
    train_xy, train_y = plot.train_xy, plot.train_y
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
    base, moved = plot.base_xy, plot.moved
    figure.add_trace(_base_markers(plot, classes))
    if moved.any():
        figure.add_trace(_arrows(base[moved], plot.shown_xy[moved], "shift", NEUTRAL))
    stage2 = plot.stage2_xy
    if show_stage2 and stage2 is not None:
        figure.add_trace(_arrows(base, stage2, "distance to stage 2", NEUTRAL, dash="dot"))
        figure.add_trace(
            go.Scattergl(
                x=stage2[:, 0],
                y=stage2[:, 1],
                name="stage 2",
                mode="markers",
                marker={"symbol": "cross-thin", "size": 9, "line": {"width": 2, "color": NEUTRAL}},
                customdata=np.arange(len(stage2)),
                hovertemplate="stage 2 of poisoned sample %{customdata}<extra></extra>",
            )
        )
    figure.add_trace(_poison_markers(plot, classes))
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


def _base_markers(plot: PlotData, classes: Sequence[str]) -> go.Scattergl:
    xy = plot.base_xy
    return go.Scattergl(
        x=xy[:, 0],
        y=xy[:, 1],
        name="base",
        mode="markers",
        marker={"symbol": "circle-open", "size": 9, "line": {"width": 1.5}, "color": NEUTRAL},
        text=[f"base of poisoned sample {i}: {classes[label]}" for i, label in enumerate(plot.base_y)],
        hovertemplate="%{text}<extra></extra>",
    )


def _poison_markers(plot: PlotData, classes: Sequence[str]) -> go.Scattergl:
    xy, y, base_y = plot.shown_xy, plot.poison_y, plot.base_y
    labels = [
        f"poisoned sample {i}: {classes[old]} labelled {classes[new]}<br>shift {fixed(shift, 2)}"
        for i, (old, new, shift) in enumerate(zip(base_y, y, plot.shift, strict=True))
    ]
    return go.Scattergl(
        x=xy[:, 0],
        y=xy[:, 1],
        name="poisoned",
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 9,
            "color": [PALETTE[label % len(PALETTE)] for label in y],
            "line": {"width": 1.5, "color": "#ffffff"},
        },
        text=labels,
        customdata=np.arange(len(xy)),
        hovertemplate="%{text}<extra></extra>",
    )


def _arrows(start: Array, end: Array, name: str, color: str, dash: str = "solid") -> go.Scattergl:
    """Lines between pairs of points as one trace; the markers at their ends serve as arrow heads.

    Args:
        start: (m, 2) positions.
        end: (m, 2) positions.
        name: of the trace.
        color: of the lines.
        dash: line style of Plotly.
    """
    x, y = _shafts(start, end)
    return go.Scattergl(
        x=x,
        y=y,
        name=name,
        mode="lines",
        line={"width": 1, "color": color, "dash": dash},
        opacity=0.7,
        hoverinfo="skip",
    )


def _shafts(start: Array, end: Array) -> tuple[Array, Array]:
    """x and y coordinates, (3 m,) each, of lines from `start` (m, 2) to `end` (m, 2), separated by NaN."""
    breaks = np.full(len(start), np.nan, start.dtype)
    x, y = (np.column_stack([start[:, axis], end[:, axis], breaks]).ravel() for axis in (0, 1))
    return x, y
