"""Bar charts of test accuracies: of each head, and the drop of each class."""

import math
from collections.abc import Mapping

import plotly.graph_objects as go

from core.experiments.summary import RunSummary
from core.presentation.figures.palette import CLEAN, NEUTRAL, POISONED
from core.system.numbers import fixed


def accuracy_figure(scores: Mapping[str, float | None]) -> go.Figure:
    """A bar chart of the accuracies of a run.

    Args:
        scores: accuracies in [0, 1] by name; None for those that the run does not have.
    """
    known = {name: 100 * value for name, value in scores.items() if value is not None}
    colors = [CLEAN if name == "Clean" else POISONED if name == "Poisoned" else NEUTRAL for name in known]
    figure = go.Figure(
        go.Bar(
            x=list(known),
            y=list(known.values()),
            marker={"color": colors},
            text=[fixed(value) for value in known.values()],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
        )
    )
    figure.update_layout(height=220, margin={"l": 0, "r": 0, "t": 8, "b": 0}, showlegend=False, bargap=0.35)
    figure.update_xaxes(tickangle=0, tickfont={"size": 10 if len(known) > 3 else 12})
    figure.update_yaxes(range=[0, 108], tickvals=[0, 25, 50, 75, 100], title="Test accuracy, %")
    return figure


def per_class_figure(summary: RunSummary) -> go.Figure:
    """A bar chart of the drop of each class in points, largest on top; classes without test images are left blank."""
    drops, classes = summary.class_drops(), summary.classes
    clean, poisoned = summary.clean.per_class, summary.poisoned.per_class
    known = [drop for drop in drops if not math.isnan(drop)]
    order = sorted(range(len(drops)), key=lambda i: -math.inf if math.isnan(drops[i]) else drops[i])
    figure = go.Figure(
        go.Bar(
            x=[drops[i] for i in order],
            y=[classes[i] for i in order],
            orientation="h",
            marker={"color": [POISONED if drops[i] > 0 else CLEAN for i in order]},
            text=["" if math.isnan(drops[i]) else fixed(drops[i]) for i in order],
            textposition="outside",
            cliponaxis=False,
            customdata=[[100 * clean[i], 100 * poisoned[i]] for i in order],
            hovertemplate="%{y}: %{customdata[0]:.1f} % → %{customdata[1]:.1f} %<extra></extra>",
        )
    )
    low, high = min(0.0, *known), max(1.0, *known)
    margin = 0.28 * (high - low)
    figure.update_layout(
        height=60 + 24 * len(classes), margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False, bargap=0.25
    )
    figure.update_xaxes(range=[low - (margin if low < 0 else 0), high + margin], title="Points lost")
    figure.update_yaxes(automargin=True, title=None, type="category", ticksuffix=" ")
    return figure
