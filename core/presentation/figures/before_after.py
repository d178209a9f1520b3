"""Test accuracy before and after the poison, on an axis that is as long as the difference needs."""

import math

import plotly.graph_objects as go

from core.experiments.summary import RunSummary
from core.presentation.figures.palette import CLEAN, NEUTRAL, POISONED
from core.system.numbers import fixed, percent

HEIGHT = 210
BEFORE, AFTER = "without poison", "with poison"
SHORTEST = 4.0
"""Points that the axis covers at least."""
EDGE = 0.25
"""Room at each end of the axis, as a share of what it has to show."""


def zoomed_range(summary: RunSummary) -> tuple[float, float]:
    """Ends of the axis in whole percent: both accuracies and the interval of the later one, with room around them."""
    before, after = (100 * score.accuracy for score in (summary.clean, summary.poisoned))
    margin = summary.drop_margin()
    low, high = min(before, after - margin), max(before, after + margin)
    room = max(EDGE * (high - low), (SHORTEST - (high - low)) / 2)
    return max(0.0, math.floor(low - room)), min(100.0, math.ceil(high + room))


def before_after_figure(summary: RunSummary) -> go.Figure:
    """Two levels and what lies between them; the later one has the 95 % interval of the difference.

    Points and no bars: the length of a bar says nothing on an axis that does not start at 0.
    """
    before, after = (100 * score.accuracy for score in (summary.clean, summary.poisoned))
    figure = go.Figure()
    figure.add_scatter(
        x=[BEFORE, AFTER],
        y=[before, before],
        mode="lines",
        line={"width": 2, "dash": "dot", "color": NEUTRAL},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[BEFORE, AFTER],
        y=[before, after],
        mode="markers+text",
        marker={"size": 16, "color": [CLEAN, POISONED]},
        text=[percent(summary.clean.accuracy), f"{percent(summary.poisoned.accuracy)}   "],
        textposition=["top center", "middle left"],
        textfont={"size": 16},
        error_y={
            **{"type": "data", "array": [0.0, summary.drop_margin()], "color": POISONED},
            **{"thickness": 2, "width": 8},
        },
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
    )
    if after != before:
        figure.add_annotation(
            **{"x": AFTER, "y": after, "ax": AFTER, "ay": before, "axref": "x", "ayref": "y", "text": ""},
            **{"arrowwidth": 3, "arrowhead": 2, "arrowcolor": POISONED, "xshift": 14},
        )
        figure.add_annotation(
            **{"x": AFTER, "y": (before + after) / 2, "xshift": 20, "xanchor": "left", "showarrow": False},
            text=f"<b>{fixed(-summary.drop(), sign=True)}</b><br>points",
            font={"size": 15},
            align="left",
        )
    figure.update_layout(height=HEIGHT, margin={"l": 0, "r": 0, "t": 16, "b": 0}, showlegend=False, hovermode="closest")
    figure.update_xaxes(range=[-0.45, 1.85], fixedrange=True, showgrid=False, title=None)
    figure.update_yaxes(
        range=list(zoomed_range(summary)), fixedrange=True, title=None, ticksuffix=" %", nticks=5, automargin=True
    )
    return figure
