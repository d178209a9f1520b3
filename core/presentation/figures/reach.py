"""How near to its target an attack can come at each budget."""

import math

import plotly.graph_objects as go

from core.heads.scores import Reachability
from core.presentation.figures.palette import NEUTRAL, PALETTE


def reach_figure(threshold: Reachability, height: int = 260) -> go.Figure:
    """How near to its target an attack could come at each budget, and where this run came."""
    budgets = [100 * budget for budget, _ in threshold.floor]
    floor = [residual for _, residual in threshold.floor]
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
                x=[100 * threshold.budget],
                y=[threshold.residual],
                name="this run",
                mode="markers",
                marker={"size": 12, "symbol": "diamond", "color": PALETTE[1]},
                hovertemplate="This run: %{x:.3g} %, %{y:.3g}<extra></extra>",
            ),
        ]
    )
    limits = [(threshold.tau_ridge, "threshold"), (threshold.certificate, "certificate")]
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
    figure.update_yaxes(title="Residual gradient at the target", rangemode="tozero", automargin=True)
    return figure
