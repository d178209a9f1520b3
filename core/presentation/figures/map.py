"""The map of a run: clean training features by class, and where the poison landed, drawn from its base images."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.presentation.figures.palette import NEUTRAL, PALETTE
from core.system.arrays import Array

MAP_HEIGHT = 480


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
