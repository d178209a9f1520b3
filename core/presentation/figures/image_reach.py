"""What images can do at all, beside poisoned features and a run's own images."""

import plotly.graph_objects as go

from core.experiments.image_reach import ImageReach
from core.presentation.figures.palette import NEUTRAL, PALETTE, POISONED
from core.system.numbers import fixed, percent


def image_reach_bars(reach: ImageReach) -> dict[str, float]:
    """The drops in points by what causes them, most free first."""
    near = {f"Features within {percent(item.distance, 0)} of an image": item.drop for item in reversed(reach.near)}
    return {"Features in the clean range": reach.box, **near, "Images of this run": reach.images}


def image_reach_figure(reach: ImageReach, height: int = 240) -> go.Figure:
    """Points of accuracy that each costs."""
    bars = image_reach_bars(reach)
    colours = [NEUTRAL, *[PALETTE[0]] * len(reach.near), POISONED]
    figure = go.Figure(
        go.Bar(
            x=list(bars.values()),
            y=list(bars),
            orientation="h",
            marker={"color": colours},
            text=[fixed(value) for value in bars.values()],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} points<extra></extra>",
        )
    )
    figure.update_layout(height=height, margin={"l": 0, "r": 40, "t": 8, "b": 0}, bargap=0.35, showlegend=False)
    figure.update_xaxes(title="Points of test accuracy lost", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", title=None, automargin=True, ticksuffix=" ")
    return figure
