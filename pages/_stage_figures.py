"""Figures of an attack's trajectory through its stages. No Streamlit here."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED
from core.presentation.stages import TITLES, ShownStep, StageLoss
from core.system.numbers import fixed

AXIS_HEIGHT = 330
MAP_HEIGHT = 430
STAGE_COLOURS = {
    **{"clean": CLEAN, "target": NEUTRAL, "stage2": PALETTE[1], "invert": PALETTE[5]},
    **{"exchange": PALETTE[1], "pixels": PALETTE[2], "poison": POISONED},
}
SHORT = {
    **{"clean": "Clean", "target": "1 Target", "stage2": "2 Features", "invert": "3 Images"},
    **{"exchange": "Exchange", "pixels": "Pixels"},
}
"""Titles of stages as they fit above a chart; the last step's stands beside its mark."""
LIFTED = "clean"
"""The one narrow stage, whose title stands on a line of its own so that the next one's doesn't run into it."""


def axis_figure(steps: Sequence[ShownStep], now: int, losses: Sequence[StageLoss]) -> go.Figure:
    """Test accuracy at every step of all stages, on one axis, with the current step and the losses between stages.

    Args:
        now: the position of the step shown.
    """
    figure = go.Figure()
    y = [100 * step.accuracy for step in steps]
    places = [row + (row > 0) for row in range(len(steps))]  # the first step's name needs room
    start = 0
    for stage, group in groupby(steps, key=lambda step: step.stage):
        rows = list(range(start, start + len(list(group))))
        start = rows[-1] + 1
        colour, left = STAGE_COLOURS[stage], places[rows[0]] - 0.5
        right = (places[start] if start < len(steps) else len(steps) + 1) - 0.5
        figure.add_vrect(x0=left, x1=right, fillcolor=colour, opacity=0.1, line_width=0, layer="below")
        if stage in SHORT:
            figure.add_annotation(
                x=left + 0.05,
                y=1,
                yref="paper",
                text=SHORT[stage] + ("<br> " if stage == LIFTED else ""),
                showarrow=False,
                xanchor="left",
                yanchor="bottom",
                font={"size": 12},
            )
        figure.add_scatter(
            x=[places[row] for row in rows],
            y=[y[row] for row in rows],
            name=TITLES[stage],
            mode="lines+markers",
            line={"width": 2, "color": colour},
            marker={"size": 6},
            text=[steps[row].label for row in rows],
            hovertemplate="%{text}: %{y:.1f} %<extra></extra>",
            showlegend=False,
        )
    ends = {step.stage: row for row, step in enumerate(steps)}
    for loss in losses:
        _loss(figure, loss, *((places[ends[stage]], y[ends[stage]]) for stage in (loss.before, loss.after)))
    figure.add_scatter(
        x=[places[now]],
        y=[y[now]],
        name="this step",
        mode="markers",
        marker={"size": 16, "color": STAGE_COLOURS[steps[now].stage], "line": {"width": 3, "color": "#ffffff"}},
        hoverinfo="skip",
        showlegend=False,
    )
    low, high = min(y), max(y)
    room = max(2.0, 0.15 * (high - low))
    figure.update_layout(height=AXIS_HEIGHT, margin={"l": 0, "r": 0, "t": 42, "b": 8}, hovermode="closest")
    figure.update_xaxes(
        showticklabels=False, showgrid=False, zeroline=False, range=[-0.6, len(steps) + 2.4], title=None
    )
    figure.update_yaxes(title="Test accuracy, %", range=[low - room, min(100 + room / 4, high + room)], zeroline=False)
    return figure


def _loss(figure: go.Figure, loss: StageLoss, before: tuple[float, float], after: tuple[float, float]) -> None:
    """From the level that one stage reached to the level that is left of it after the next; ends as (x, y)."""
    (start, level), (x, left) = before, after
    colour = STAGE_COLOURS[loss.before]
    figure.add_scatter(
        x=[start, x + 0.5],
        y=[level, level],
        mode="lines",
        line={"width": 1, "dash": "dot", "color": colour},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_annotation(
        x=x + 0.5, y=left, ax=x + 0.5, ay=level, axref="x", ayref="y", arrowwidth=2, arrowhead=2, arrowcolor=colour
    )
    lost = loss.wanted - loss.reached
    figure.add_annotation(
        x=x + (0.65 if loss.after == "poison" else 0.35),
        y=(level + left) / 2,
        # At the right edge a phone has room for one word.
        text=f"<b>{fixed(abs(lost))}</b>{'<br>' if loss.after == 'poison' else ' '}{'lost' if lost >= 0 else 'gained'}",
        showarrow=False,
        align="left",
        xanchor="left" if loss.after == "poison" else "right",
        font={"size": 14},
    )


def map_figure(plot: PlotData, classes: Sequence[str], steps: Sequence[ShownStep], now: int) -> go.Figure:
    """Clean features, and the poisoned samples at this step with their trajectories since the stage began."""
    clean, label, positions = plot.train_pca, plot.train_y, plot.walk_pca
    if clean is None or positions is None:
        raise ValueError("a run with a trajectory has positions on principal components")
    figure = go.Figure()
    figure.add_scattergl(
        x=clean[:, 0],
        y=clean[:, 1],
        name="clean",
        mode="markers",
        marker={"size": 4, "opacity": 0.35, "color": [PALETTE[y % len(PALETTE)] for y in label]},
        text=[classes[y] for y in label],
        hovertemplate="%{text}<extra></extra>",
    )
    rows = [step.point for step in steps[: now + 1] if step.stage == steps[now].stage and step.point is not None]
    if rows:
        path = positions[rows]
        breaks = np.full((1, path.shape[1]), np.nan, path.dtype)
        x, height = (np.concatenate([path[:, :, axis], breaks]).T.ravel() for axis in (0, 1))
        figure.add_scattergl(
            x=x, y=height, name="trajectory", mode="lines", line={"width": 1, "color": NEUTRAL}, hoverinfo="skip"
        )
        labels = plot.labels_at(rows[-1])[: path.shape[1]]
        figure.add_scattergl(
            x=path[-1, :, 0],
            y=path[-1, :, 1],
            name="poisoned samples",
            mode="markers",
            marker={
                **{"symbol": "diamond", "size": 9, "line": {"width": 1.5, "color": "#ffffff"}},
                "color": [PALETTE[y % len(PALETTE)] for y in labels],
            },
            text=[f"poisoned sample {i}, labelled {classes[y]}" for i, y in enumerate(labels)],
            hovertemplate="%{text}<extra></extra>",
        )
    # The axes hold the whole trajectory, so that nothing jumps while it plays.
    for axis, update in ((0, figure.update_xaxes), (1, figure.update_yaxes)):
        low = min(float(clean[:, axis].min()), float(np.nanmin(positions[:, :, axis])))
        high = max(float(clean[:, axis].max()), float(np.nanmax(positions[:, :, axis])))
        room = 0.04 * (high - low)
        update(range=[low - room, high + room], showticklabels=False, showgrid=False, zeroline=False, title=None)
    figure.update_layout(
        height=MAP_HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant", "title": None},
        hovermode="closest",
        uirevision="trajectory",
    )
    return figure
