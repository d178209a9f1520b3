"""How close an attack can come to its target at each budget."""

import math

import plotly.graph_objects as go

from core.heads.scores import Reachability
from core.presentation.figures.palette import NEUTRAL, PALETTE


def reach_figure(threshold: Reachability, height: int = 260) -> go.Figure:
    """The smallest residual gradient at the target by budget, and the residual of this run."""
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
    known = sorted((value, label) for value, label in limits if value and 100 * value <= budgets[-1])
    for place, (value, label) in enumerate(known):
        # The larger one's text goes to the right, so that two close ones do not overlap.
        side = "left" if place + 1 == len(known) else "right"
        figure.add_vline(x=100 * value, line={"width": 1, "dash": "dot", "color": NEUTRAL})
        # On a logarithmic axis Plotly takes positions of lines as values, but those of annotations as logarithms.
        figure.add_annotation(
            x=math.log10(100 * value),
            y=1,
            yref="paper",
            text=label,
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
