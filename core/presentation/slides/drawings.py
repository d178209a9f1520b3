"""Drawings of slides as SVG, which stay sharp on a projector: the crowd of images, and a simple map."""

from collections.abc import Sequence
from html import escape

import numpy as np

from core.experiments.plot_data import PlotData
from core.presentation.figures import NEUTRAL, PALETTE, POISONED
from core.presentation.story import class_centres, spread_labels
from core.system.arrays import Array

MOST_SQUARES = 2400
ACROSS = 64
"""Squares in a row of the crowd."""
WIDTH, HEIGHT = 1000, 620
MARGIN = 30
MOST_KINDS = 12
"""Kinds of image up to which a map has a colour and a name for each."""
DIAMOND = 11


def crowd(n_clean: int, n_poison: int) -> tuple[str, int]:
    """An SVG in which every square is an image of the training set, the poisoned ones filled in another colour.

    Returns:
        The drawing, and how many images one square stands for.
    """
    each = max(1, -(-(n_clean + n_poison) // MOST_SQUARES))
    squares = max(1, (n_clean + n_poison) // each)
    bad = set(np.random.default_rng(0).permutation(squares)[: max(1, round(n_poison / each))].tolist())
    paths = {False: "", True: ""}
    for i in range(squares):
        size = 9 if i in bad else 7
        shift = (10 - size) / 2
        paths[i in bad] += f"M{10 * (i % ACROSS) + shift},{10 * (i // ACROSS) + shift}h{size}v{size}h-{size}z"
    drawn = f'<path d="{paths[False]}" fill="{NEUTRAL}" opacity=".45"/><path d="{paths[True]}" fill="{POISONED}"/>'
    return _svg(10 * ACROSS, 10 * -(-squares // ACROSS), drawn), each


def simple_map(plot: PlotData, classes: Sequence[str], ink: str, paper: str) -> str:
    """Clean images as pale dots with the name of each kind among them, poisoned ones as strong marks.

    Args:
        plot: of the run.
        classes: names of the kinds.
        ink: the colour of text.
        paper: the colour behind it.
    """
    is_named = len(classes) <= MOST_KINDS
    xy = _placed(np.concatenate([plot.train_xy, plot.shown_xy]))
    clean, poison = xy[: plot.n_clean], xy[plot.n_clean :]
    drawn = ""
    for label in range(len(classes)):
        dots = "".join(f"M{x},{y}h0" for x, y in clean[plot.train_y == label].round().astype(int))
        colour = PALETTE[label % len(PALETTE)] if is_named else NEUTRAL
        if dots:
            drawn += f'<path d="{dots}" stroke="{colour}" stroke-width="8" stroke-linecap="round" opacity=".4"/>'
    marks = "".join(
        f"M{x},{y - DIAMOND}l{DIAMOND},{DIAMOND}l-{DIAMOND},{DIAMOND}l-{DIAMOND},-{DIAMOND}z"
        for x, y in poison.round().astype(int)
    )
    drawn += f'<path d="{marks}" fill="{POISONED}" stroke="{paper}" stroke-width="2.5"/>'
    if is_named:
        centres = spread_labels(class_centres(clean, plot.train_y, len(classes)), clean)
        for name, (x, y) in zip(classes, centres, strict=True):
            if np.isfinite(x):
                left, top = round(np.clip(x, 90, WIDTH - 90)), round(np.clip(y, 26, HEIGHT - 12))
                drawn += (
                    f'<text x="{left}" y="{top}" fill="{ink}" '
                    f'stroke="{paper}" stroke-width="7" paint-order="stroke" text-anchor="middle" '
                    f'font-size="28" font-weight="700" font-family="sans-serif">{escape(name)}</text>'
                )
    return _svg(WIDTH, HEIGHT, drawn)


def _placed(xy: Array) -> Array:
    """Positions in the drawing: the whole of it is used, and up is up."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    share = (xy - low) / np.maximum(high - low, 1e-9)
    share[:, 1] = 1 - share[:, 1]
    return np.asarray(MARGIN + share * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN))


def _svg(width: int, height: int, content: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{content}</svg>'
