"""Figures for presentations: few marks, large type. No Streamlit here."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from core.experiments.plot_data import PlotData
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED, image_row
from core.presentation.story import ClassChange, class_centres, spread_labels
from core.system.arrays import Array
from core.system.numbers import fixed

CROWD_WIDTH = 80
"""Squares in a row of the crowd."""
MOST_SQUARES = 2400
SQUARE, GAP = 10, 3
TILE_PIXELS = 112
MOST_KINDS = 12
"""Kinds of image up to which a map has a colour and a name for each."""
MAP_HEIGHT = 560
FONT = 17
INKS = {"light": ("#1b2430", "#ffffff"), "dark": ("#e8ecf2", "#12161d")}
"""Text and its halo, by theme."""


def crowd(n_clean: int, n_poison: int) -> tuple[bytes, int]:
    """A PNG in which every square is an image of the training set, the poisoned ones filled in another colour.

    Returns:
        The picture, and how many images one square stands for.
    """
    each = max(1, -(-(n_clean + n_poison) // MOST_SQUARES))
    squares = max(1, (n_clean + n_poison) // each)
    bad = np.random.default_rng(0).permutation(squares)[: max(1, round(n_poison / each))]
    side = SQUARE + GAP
    pixels = np.zeros((-(-squares // CROWD_WIDTH) * side, CROWD_WIDTH * side, 4), np.uint8)
    for i in range(squares):
        top, left = side * (i // CROWD_WIDTH), side * (i % CROWD_WIDTH)
        pixels[top : top + SQUARE, left : left + SQUARE] = _rgba(NEUTRAL, 90)
    for i in bad:
        top, left = side * (i // CROWD_WIDTH), side * (i % CROWD_WIDTH)
        pixels[max(0, top - 1) : top + SQUARE + 1, max(0, left - 1) : left + SQUARE + 1] = _rgba(POISONED, 255)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue(), each


def _rgba(colour: str, alpha: int) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue, alpha


def tiles(images: Sequence[Array]) -> bytes:
    """One PNG of images (C, H, W) uint8 side by side, large enough for a projector."""
    return image_row(images, TILE_PIXELS)


def simple_map(plot: PlotData, classes: Sequence[str], ink: str, paper: str) -> go.Figure:
    """Clean images as pale dots with the name of each kind among them, poisoned ones as strong marks.

    Args:
        ink, paper: colours of text and of its halo, by theme.
    """
    xy, y = plot.train_xy, plot.train_y
    is_named = len(classes) <= MOST_KINDS
    colours = [PALETTE[label % len(PALETTE)] for label in y] if is_named else NEUTRAL
    figure = go.Figure(
        go.Scattergl(
            x=xy[:, 0],
            y=xy[:, 1],
            name="images that everybody sent in",
            mode="markers",
            marker={"size": 6, "color": colours, "opacity": 0.4},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    poison = plot.shown_xy
    figure.add_scattergl(
        x=poison[:, 0],
        y=poison[:, 1],
        name="images that were slipped in",
        mode="markers",
        marker={"size": 13, "symbol": "diamond", "color": ink, "line": {"width": 2, "color": paper}},
        hoverinfo="skip",
    )
    if is_named:
        for name, (x, height) in zip(classes, spread_labels(class_centres(xy, y, len(classes)), xy), strict=True):
            if np.isfinite(x):
                figure.add_annotation(
                    x=x,
                    y=height,
                    text=f"<b>{name}</b>",
                    showarrow=False,
                    font={"size": FONT, "color": ink},
                    bgcolor=paper,
                    opacity=0.88,
                    borderpad=3,
                )
    figure.update_layout(
        height=MAP_HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        showlegend=True,
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "title": None, "font": {"size": FONT}},
        dragmode=False,
    )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False, title=None)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, title=None)
    return figure


def cost_bars(rows: Sequence[ClassChange]) -> go.Figure:
    """Wrong images of every 100 without and with the slipped-in ones; the first row on top."""
    figure = go.Figure()
    parts = (
        ("without them", CLEAN, [100 - row.before for row in rows]),
        ("with the slipped-in images", POISONED, [100 - row.after for row in rows]),
    )
    for name, colour, values in parts:
        figure.add_bar(
            x=values,
            y=[row.name for row in rows],
            orientation="h",
            name=name,
            marker={"color": colour},
            text=[fixed(value).removesuffix(".0") for value in values],
            textposition="outside",
            textangle=0,
            textfont={"size": FONT},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} of 100 wrong<extra>%{fullData.name}</extra>",
        )
    most = max(1.0, *(value for _, _, values in parts for value in values))
    figure.update_layout(
        height=110 + 84 * len(rows),
        barmode="group",
        bargap=0.3,
        margin={"l": 0, "r": 0, "t": 44, "b": 0},
        legend={
            **{"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "title": None, "traceorder": "normal"},
            "font": {"size": FONT},
        },
    )
    title = {"text": "Wrong, of every 100 test images", "font": {"size": FONT - 2}}
    figure.update_xaxes(range=[0, 1.18 * most], title=title)
    figure.update_yaxes(
        automargin=True, autorange="reversed", title=None, type="category", ticksuffix=" ", tickfont={"size": FONT}
    )
    return figure
