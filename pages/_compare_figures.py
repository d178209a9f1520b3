"""Pictures of several runs beside each other, from stored arrays. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED, image_row
from core.presentation.maps.scene import MapScene, Mark, run_scene
from core.system.arrays import Array
from core.system.numbers import fixed

NAMES = "ABCD"
"""The letters of the runs, in the order in which they were selected."""
COLORS = (PALETTE[4], PALETTE[2], PALETTE[7], PALETTE[9])
"""Of the runs: none of the blue and the orange that mean clean and poisoned on every page."""
MEASURE_COLORS = {"Clean": CLEAN, "Poisoned": POISONED}
SYMBOLS = ("disc", "diamond", "square", "triangle")
SIGNS = "●◆■▲"
"""The symbols of the maps as letters: colour is never the only cue."""
STRIP_PIXELS = 80
MAP_HEIGHT = 500
SMALL_MAP_HEIGHT = 300
CLOUD = Mark("clean images", NEUTRAL, alpha=0.35)
MOST_NUMBERS = 12
"""Classes up to which the cells of a matrix hold their counts."""
_LIGHT, _DARK = ("#ffffff", "#1b2430"), ("#1b212b", "#ffffff")
"""Empty cell and text of a matrix, by theme."""


def accuracy_bars(scores: Mapping[str, Sequence[float | None]], picked: Sequence[int]) -> go.Figure:
    """One group of bars a run, one bar a measure, in the colours that the measures have everywhere.

    Args:
        scores: fractions by measure, one for each run; None where a run has none.
        picked: each run's place among the picked ones, which gives its letter.
    """
    figure = go.Figure()
    names = [NAMES[place] for place in picked]
    known = [100 * value for row in scores.values() for value in row if value is not None]
    for measure, row in scores.items():
        if all(value is None for value in row):
            continue
        figure.add_bar(
            x=names,
            y=[None if value is None else 100 * value for value in row],
            name=measure,
            marker={"color": MEASURE_COLORS.get(measure, NEUTRAL)},
            text=["" if value is None else fixed(100 * value) for value in row],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=330,
        barmode="group",
        bargap=0.2,
        margin={"l": 0, "r": 0, "t": 36, "b": 0},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "title": None, "traceorder": "normal"},
    )
    low, high = min(known), max(known)
    start = max(0.0, 5 * np.floor((low - 5) / 5))
    figure.update_yaxes(range=[start, high + 0.12 * (high - start)], title="Test accuracy, %")
    figure.update_xaxes(type="category")
    return figure


def class_bars(
    values: Sequence[Sequence[float]], classes: Sequence[str], picked: Sequence[int], title: str
) -> go.Figure:
    """Bars of each class, one a run; the first class on top.

    Args:
        values: one number a class, for each run.
        title: of the axis.
    """
    figure = go.Figure()
    for row, place in zip(values, picked, strict=True):
        figure.add_bar(
            x=list(row),
            y=list(classes),
            orientation="h",
            name=f"{SIGNS[place]} {NAMES[place]}",
            marker={"color": COLORS[place]},
            text=[f"{NAMES[place]} {fixed(value)}" for value in row],
            textposition="outside",
            textangle=0,
            textfont={"size": 11},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f}<extra>%{fullData.name}</extra>",
        )
    flat = [value for row in values for value in row]
    low, high = min(0.0, *flat), max(1.0, *flat)
    room = 0.16 * (high - low)
    figure.update_layout(
        height=50 + len(classes) * (12 + 17 * len(picked)),
        barmode="group",
        bargap=0.2,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        showlegend=False,
    )
    figure.update_xaxes(range=[low - (room if low < 0 else 0), high + room], title=title)
    figure.update_yaxes(automargin=True, autorange="reversed", title=None, type="category", ticksuffix=" ")
    return figure


def shared_map(plots: Sequence[PlotData], classes: Sequence[str], picked: Sequence[int]) -> MapScene:
    """One clean cloud and the poison of every run on it; the runs stand on the same clean features.

    Args:
        plots: arrays of the runs.
        classes: class names.
        picked: each run's place among the picked ones, which gives its letter, colour and symbol.
    """
    first = plots[0]
    poison = np.repeat(np.arange(len(plots)) + 1, [plot.n_poison for plot in plots])

    def joined(name: str) -> Array:
        return np.concatenate([getattr(plot, name) for plot in plots])

    return MapScene(
        xy=np.concatenate([first.train_xy, joined("shown_xy")]),
        n_clean=first.n_clean,
        y=np.concatenate([first.train_y, joined("poison_y")]),
        classes=classes,
        marks=[CLOUD, *(_mark(place) for place in picked)],
        mark=np.concatenate([np.zeros(first.n_clean, int), poison]),
        base_y=joined("base_y"),
        base_index=joined("base_index"),
        start_xy=np.full((len(poison), 2), np.nan),
        shift=joined("shift"),
        groups=[(NAMES[place], plot.n_poison) for plot, place in zip(plots, picked, strict=True)],
    )


def small_map(plot: PlotData, classes: Sequence[str], place: int, plots: Sequence[PlotData]) -> MapScene:
    """One run on the axes that all `plots` share: its poison, and arrows from where each started.

    Args:
        plot: arrays of the run.
        classes: class names.
        place: of the run among the picked ones.
        plots: arrays of all runs with the same axes.
    """
    scene = run_scene(plot, classes)
    beside = np.concatenate([xy for other in plots for xy in (other.train_xy, other.shown_xy, other.base_xy)])
    mark = (np.arange(len(scene.xy)) >= plot.n_clean).astype(int)
    return replace(scene, marks=[CLOUD, _mark(place)], mark=mark, beside_xy=beside)


def _mark(place: int) -> Mark:
    return Mark(f"poisoned samples of {NAMES[place]}", COLORS[place], SYMBOLS[place])


def matrix(counts: Array, classes: Sequence[str], limit: int, *, is_change: bool, is_dark: bool) -> go.Figure:
    """Counts of test images as a heat map, true classes downwards, predicted ones to the right.

    Args:
        counts: (c, c) counts, or their change, which is orange where it rose and blue where it fell.
        limit: the count of the strongest colour, so that matrices of several runs can be compared.
    """
    empty, text = _DARK if is_dark else _LIGHT
    scale = [[0, CLEAN], [0.5, empty], [1, POISONED]] if is_change else [[0, empty], [1, CLEAN]]
    cells = [["" if value == 0 else f"{value:+d}" if is_change else str(value) for value in row] for row in counts]
    shows_numbers = len(classes) <= MOST_NUMBERS
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=list(classes),
            y=list(classes),
            zmin=-limit if is_change else 0,
            zmax=limit,
            colorscale=scale,
            showscale=not shows_numbers,
            text=cells if shows_numbers else None,
            texttemplate="%{text}" if shows_numbers else None,
            textfont={"size": 11, "color": text},
            xgap=1,
            ygap=1,
            hovertemplate="%{y} predicted as %{x}: %{z}<extra></extra>",
        )
    )
    figure.update_layout(height=min(760, 150 + 30 * len(classes)), margin={"l": 0, "r": 0, "t": 4, "b": 0})
    axis = {"type": "category", "automargin": True, "showgrid": False, "tickfont": {"size": 11}}
    figure.update_xaxes(title="Predicted class", tickangle=-45, **axis)
    figure.update_yaxes(title="True class", autorange="reversed", ticksuffix=" ", **axis)
    return figure


def strip(images: Sequence[Array | None]) -> bytes:
    """One PNG of images (C, H, W) uint8 side by side; a crossed tile where there is none."""
    shape = next(image.shape for image in images if image is not None)
    tiles = [_missing(shape) if image is None else image for image in images]
    return image_row(tiles, STRIP_PIXELS)


def _missing(shape: tuple[int, ...]) -> Array:
    tile = np.full((1, *shape[1:]), 128, np.uint8)
    rows = np.arange(shape[1])
    columns = rows * (shape[2] - 1) // max(1, shape[1] - 1)
    tile[0, rows, columns] = tile[0, rows, columns[::-1]] = 200
    return tile
