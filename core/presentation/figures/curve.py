"""Curves of the values that a run reported step by step."""

import itertools
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.experiments.summary import CurvePoint
from core.presentation.figures.palette import NEUTRAL, PALETTE

STAGE_LABELS = {
    "target": "target",
    "stage2": "stage 2",
    "decoder": "decoder",
    "invert": "inversion",
    "exchange": "exchange",
    "pixels": "pixels",
}
"""Labels of the stages with curves, short enough for a phone."""
FEW_STEPS = 8
"""Curves with fewer values than this get markers."""


def curve_figure(curve: Sequence[CurvePoint]) -> go.Figure:
    """One panel per quantity, with the stages from left to right."""
    names = list(dict.fromkeys(name for point in curve for name in point.values))
    names.sort(key=lambda name: "accuracy" not in name)
    x, spans = _stage_spans(curve)
    labels = [f"{STAGE_LABELS.get(point.stage, point.stage)}, step {point.step:,}" for point in curve]
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
        # Points without this value become gaps, so that no line connects different stages.
        values = [scale * point.values[name] if name in point.values else None for point in curve]
        figure.add_trace(
            go.Scatter(
                x=x,
                y=values,
                name=_quantity(name),
                mode="lines+markers" if sum(value is not None for value in values) < FEW_STEPS else "lines",
                connectgaps=False,
                line={"width": 2, "color": PALETTE[(row - 1) % len(PALETTE)]},
                customdata=labels,
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
        ticktext=[STAGE_LABELS.get(stage, stage) for _, _, stage in spans],
        tickangle=0,
    )
    figure.update_yaxes(automargin=True, nticks=5)
    return figure


def _quantity(name: str) -> str:
    """Title of a panel."""
    title = name.replace("_", " ").capitalize()
    return f"{title}, %" if "accuracy" in name else title


def _stage_spans(curve: Sequence[CurvePoint]) -> tuple[list[float], list[tuple[float, float, str]]]:
    """x coordinates of the steps, and start, end and name of each stage.

    Short stages are widened so that their labels don't overlap.
    """
    stages = [point.stage for point in curve]
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
