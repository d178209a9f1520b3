"""The pictures of defences on a run. No Streamlit here."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED
from core.system.numbers import fixed

BARS_HEIGHT = 230
MAP_HEIGHT = 460
GROUPS = {"detected": "Detected", "missed": "Missed", "wrong": "Wrongly removed"}
"""True positives, false negatives and false positives of a defence."""
MARKS = {
    "detected": {"symbol": "diamond-open", "size": 10, "color": CLEAN, "line": {"width": 2}},
    "missed": {"symbol": "diamond", "size": 10, "color": POISONED, "line": {"width": 1.5, "color": "#ffffff"}},
    "wrong": {"symbol": "x-thin", "size": 7, "color": PALETTE[4], "line": {"width": 1.5, "color": PALETTE[4]}},
}
"""How each is drawn: colour is never the only cue."""


def accuracy_bars(values: Mapping[str, float]) -> go.Figure:
    """Test accuracy by name, the first on top.

    Args:
        values: fractions.
    """
    colours = {"Poisoned": POISONED, "Defended": PALETTE[4]}
    names = list(values)
    figure = go.Figure(
        go.Bar(
            x=[100 * values[name] for name in names],
            y=names,
            orientation="h",
            marker={"color": [colours.get(name, NEUTRAL if name != "Perfect filter" else CLEAN) for name in names]},
            text=[fixed(100 * values[name]) for name in names],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    low = 100 * min(values.values())
    figure.update_layout(height=BARS_HEIGHT, margin={"l": 0, "r": 40, "t": 8, "b": 0}, bargap=0.35, showlegend=False)
    # On an axis from 0 a difference of a few points could not be seen.
    start = max(0.0, 5 * np.floor((low - 5) / 5))
    figure.update_xaxes(title="Test accuracy, %", range=[start, min(100.0, 100 * max(values.values()) + 2)])
    figure.update_yaxes(autorange="reversed", title=None, automargin=True, ticksuffix=" ")
    return figure


def map_figure(plot: PlotData, rows: Mapping[str, Sequence[int]]) -> go.Figure:
    """All points; those of `GROUPS` on top.

    Args:
        rows: of each group, clean training points first, then poison.
    """
    xy = np.concatenate([plot.train_xy, plot.shown_xy])
    marked = np.concatenate([np.asarray(list(rows[name]), int) for name in GROUPS])
    rest = np.setdiff1d(np.arange(len(xy)), marked)
    figure = go.Figure(
        go.Scattergl(
            x=xy[rest, 0],
            y=xy[rest, 1],
            name="Clean, not removed",
            mode="markers",
            marker={"size": 5, "color": NEUTRAL, "opacity": 0.35},
            hoverinfo="skip",
        )
    )
    n = plot.n_clean
    for name in ("wrong", "detected", "missed"):
        chosen = np.asarray(list(rows[name]), int)
        figure.add_scattergl(
            x=xy[chosen, 0],
            y=xy[chosen, 1],
            name=GROUPS[name],
            mode="markers",
            marker=MARKS[name],
            text=[f"training image {row}" if row < n else f"poisoned sample {row - n}" for row in chosen],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=MAP_HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant", "title": None},
        hovermode="closest",
    )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False, title=None)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, title=None, scaleanchor="x", scaleratio=1)
    return figure
