"""The pictures of defences on a run. No Streamlit here."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.defences.verdict import DefenceStep
from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED
from core.system.numbers import fixed

BARS_HEIGHT = 230
EACH_HEIGHT = 46
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


def found_bars(steps: Mapping[str, DefenceStep], regained: Mapping[str, float], about: Mapping[str, str]) -> go.Figure:
    """Of each defence the share of the poison that it finds and that of the clean images that it loses.

    Args:
        steps: by the title of the defence, the first on top.
        regained: points of test accuracy that each gives back.
        about: what each removes, in a sentence.
    """
    titles = list(steps)
    parts = (
        ("poisoned images found", CLEAN, [step.recall for step in steps.values()], _found_words),
        ("clean images lost along", POISONED, [step.clean_lost / step.n_clean for step in steps.values()], _lost_words),
    )
    figure = go.Figure()
    for name, colour, shares, words in parts:
        figure.add_bar(
            x=[100 * share for share in shares],
            y=titles,
            orientation="h",
            name=name,
            marker={"color": colour},
            text=[words(step) for step in steps.values()],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            customdata=[[about[title], fixed(regained[title], sign=True)] for title in titles],
            hovertemplate="%{y}: %{x:.1f} % of the " + name + "<br>%{customdata[0]}<br>"
            "Test accuracy: %{customdata[1]} points<extra></extra>",
        )
    figure.update_layout(
        height=90 + EACH_HEIGHT * len(titles),
        barmode="group",
        bargap=0.25,
        margin={"l": 0, "r": 8, "t": 36, "b": 0},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "title": None, "traceorder": "normal"},
    )
    figure.update_xaxes(title="Share, %", range=[0, 122], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(autorange="reversed", title=None, automargin=True, ticksuffix=" ", type="category")
    return figure


def _found_words(step: DefenceStep) -> str:
    return f"{step.poison_removed} of {step.n_poison:,}"


def _lost_words(step: DefenceStep) -> str:
    return f"{step.clean_lost:,} of {step.n_clean:,}"


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
