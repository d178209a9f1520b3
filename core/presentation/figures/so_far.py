"""What a run has reported so far, in the place and size of the accuracy before and after."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.experiments.summary import CurvePoint
from core.presentation.figures.before_after import HEIGHT
from core.presentation.figures.curve import FEW_STEPS, Quantity, quantity
from core.presentation.figures.palette import POISONED
from core.system.numbers import digits

FIRST = "train_accuracy"
"""What is shown of a run that reports several quantities: closest to what the attack is for."""


def told_last(curve: Sequence[CurvePoint]) -> str:
    """The quantity to show: `FIRST` where the run reports it, else that of its last event; "" before any."""
    if any(FIRST in point.values for point in curve):
        return FIRST
    return next((name for point in reversed(curve) for name in point.values), "")


def values_of(curve: Sequence[CurvePoint], name: str) -> list[float]:
    """The values of a quantity as they are shown."""
    return [quantity(name).scale * point.values[name] for point in curve if name in point.values]


def so_far_words(curve: Sequence[CurvePoint]) -> tuple[Quantity, str] | None:
    """The quantity shown, and its value at first and now; None before the run has reported any."""
    name = told_last(curve)
    if not name:
        return None
    values = values_of(curve, name)
    now = f"{digits(values[-1], 3)} now"
    return quantity(name), now if len(values) == 1 else f"{digits(values[0], 3)} at first, {now}"


def so_far_figure(curve: Sequence[CurvePoint]) -> go.Figure:
    """One quantity, event by event."""
    values = values_of(curve, told_last(curve))
    figure = go.Figure(
        go.Scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            mode="lines+markers" if len(values) < FEW_STEPS else "lines",
            line={"width": 3, "color": POISONED},
            hovertemplate="%{y:.4g}<extra></extra>",
        )
    )
    figure.update_layout(height=HEIGHT, margin={"l": 0, "r": 0, "t": 16, "b": 0}, showlegend=False)
    figure.update_xaxes(title=None, showticklabels=False, showgrid=False, fixedrange=True)
    figure.update_yaxes(title=None, automargin=True, nticks=5, fixedrange=True)
    return figure
