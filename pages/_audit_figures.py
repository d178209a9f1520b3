"""The figure of an audit. No Streamlit here."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from core.presentation.figures.palette import PALETTE


def curve_figure(content: Mapping[str, Any]) -> go.Figure:
    """Points of accuracy lost against the budget, with intervals over seeds; `content` is that of audit.json."""
    figure = go.Figure()
    for i, attack in enumerate(content["attacks"]):
        curve = attack["curve"]
        figure.add_trace(
            go.Scatter(
                x=[100 * point["budget"] for point in curve],
                y=[point["drop"] for point in curve],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [point["high"] - point["drop"] for point in curve],
                    "arrayminus": [point["drop"] - point["low"] for point in curve],
                },
                name=attack["title"],
                mode="lines+markers",
                line={"width": 2, "color": PALETTE[i % len(PALETTE)]},
                hovertemplate="%{x:.3g} %: %{y:.1f} points<extra></extra>",
            )
        )
    figure.update_layout(
        height=340,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": "Budget, in % of the training set", "rangemode": "tozero"},
        yaxis={"title": "Points of accuracy lost"},
        legend={"orientation": "h", "y": 1.15},
    )
    return figure
