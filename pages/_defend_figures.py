"""The pictures of defences on a run. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from core.defences.verdict import DefenceStep
from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED
from core.presentation.maps.scene import MapScene, Mark, run_scene
from core.system.numbers import fixed

BARS_HEIGHT = 230
EACH_HEIGHT = 46
MAP_HEIGHT = 460
GROUPS = {"detected": "Detected", "missed": "Missed", "wrong": "Wrongly removed"}
"""True positives, false negatives and false positives of a defence."""
MARKS = {
    "detected": Mark(GROUPS["detected"], CLEAN, "open"),
    "missed": Mark(GROUPS["missed"], POISONED, "diamond"),
    "wrong": Mark(GROUPS["wrong"], PALETTE[4], "cross"),
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


def map_scene(plot: PlotData, classes: Sequence[str], rows: Mapping[str, Sequence[int]]) -> MapScene:
    """All points of a run; those of `GROUPS` on top, the rest grey.

    Args:
        plot: arrays of the run.
        classes: class names.
        rows: of each group, clean training points first, then poison.
    """
    scene = run_scene(plot, classes)
    mark = np.zeros(len(scene.xy), int)
    for place, name in enumerate(MARKS, start=1):
        mark[list(rows[name])] = place
    rest = Mark("Clean, not removed", NEUTRAL, alpha=0.35)
    return replace(scene, marks=[rest, *MARKS.values()], mark=mark, start_xy=np.full_like(scene.start_xy, np.nan))
