"""Quality of the features of each extractor."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.presentation.figures.palette import PALETTE
from core.system.numbers import fixed


def quality_figure(scores: Mapping[str, Mapping[str, float]], names: Mapping[str, str], pixels: str) -> go.Figure:
    """A bar chart of accuracy by extractor and data set, with raw pixels as the baseline.

    Args:
        scores: accuracies in [0, 1] by extractor, then by data set.
        names: titles of extractors and data sets.
        pixels: key of raw pixels.
    """
    figure = go.Figure()
    data = list(dict.fromkeys(name for row in scores.values() for name in row))
    for i, name in enumerate(data):
        values = {key: 100 * row[name] for key, row in scores.items() if name in row}
        figure.add_bar(
            y=[names[key] for key in values],
            x=list(values.values()),
            orientation="h",
            text=[fixed(value) for value in values.values()],
            textangle=0,
            textposition="outside",
            cliponaxis=False,
            name=names[name],
            marker={"color": PALETTE[i], "opacity": [0.45 if key == pixels else 1.0 for key in values]},
            hovertemplate="%{x:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=90 + 75 * len(scores),
        barmode="group",
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "title": None, "traceorder": "normal"},
    )
    figure.update_xaxes(title="Test accuracy, %", range=[0, 108], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
