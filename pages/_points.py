"""The points of a run as Features shows them: the scene of the map, texts, images. No Streamlit here."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from plotly.colors import sample_colorscale

from core.experiments.points import PointImages, Points
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED, thumbnail
from core.presentation.maps.scene import QUIET, MapScene, Mark
from core.system.arrays import Array
from core.system.numbers import fixed

SPACES = {"umap": "UMAP", "pca": "PCA", "plane": "Decision plane"}
COLOURS = {
    "class": "Class",
    "right": "Correct or wrong",
    "loss": "Loss",
    "influence": "Influence",
    "poison": "Clean or poisoned",
}
HEADS = {"poisoned": "with poison", "clean": "without poison"}
TILE_PIXELS = 56
STEPS = 24
"""Shades of a number."""


@dataclass(frozen=True)
class Plane:
    """What the axes of a map mean.

    Attributes:
        axes: their titles.
        regions: the classes that the head prefers left and right of 0, where it is exact.
    """

    axes: tuple[str, str]
    regions: tuple[int, int] | None = None


def scene(
    points: Points, positions: Array, *, colour: str, head: str, arrows: bool, plane: Plane | None = None
) -> MapScene:
    """All points of a run, in one of the colourings.

    Args:
        positions: (n + m, 2).
        colour: a key of `COLOURS`.
        head: a key of `HEADS`: the head of the predictions and losses.
        arrows: whether arrows lead from base images to their poison.
        plane: what the axes mean; None where they mean nothing.
    """
    plot, n = points.plot, points.n_clean
    marks, mark = _marks(points, colour, head)
    start = np.where((plot.moved & arrows)[:, None], positions[plot.base_index], np.nan)
    return MapScene(
        xy=positions,
        n_clean=n,
        y=points.y,
        classes=points.classes,
        marks=marks,
        mark=mark,
        base_y=plot.base_y,
        base_index=plot.base_index,
        start_xy=start,
        shift=plot.shift,
        predicted=points.predicted(head),
        head=f"trained {HEADS[head]}",
        near=plot.near,
        axes=None if plane is None else plane.axes,
        regions=None if plane is None else plane.regions,
        makes_images=plot.makes_images,
    )


def _marks(points: Points, colour: str, head: str) -> tuple[list[Mark], Array]:
    """The marks of a colouring, and the mark of each point: clean ones as dots, poisoned ones as diamonds on top."""
    poison = points.is_poison
    if colour in ("loss", "influence"):
        return _scale(points, colour, head)
    if colour == "poison":
        return [Mark("clean", NEUTRAL, alpha=0.4), Mark("poisoned", POISONED, "diamond")], poison.astype(int)
    if colour == "right":
        marks = [Mark("correct", CLEAN, alpha=0.35), Mark("wrong", POISONED, alpha=0.9)]
        marks += [Mark("poisoned, correct", CLEAN, "diamond"), Mark("poisoned, wrong", POISONED, "diamond")]
        return marks, (points.predicted(head) != points.y).astype(int) + 2 * poison
    marks = [Mark("", tint, alpha=QUIET) for tint in PALETTE] + [Mark("poisoned", POISONED, "diamond", ring=True)]
    return marks, np.where(poison, len(PALETTE), points.y % len(PALETTE))


def _scale(points: Points, colour: str, head: str) -> tuple[list[Mark], Array]:
    """Marks of `STEPS` shades of a number."""
    values = points.losses(head) if colour == "loss" else points.influence
    edge = float(np.quantile(np.abs(values), 0.99)) or 1.0  # a single far value would leave the rest one colour
    low = 0.0 if colour == "loss" else -edge
    step = np.clip((values - low) / (edge - low) * STEPS, 0, STEPS - 1).astype(int)
    shades = sample_colorscale("Cividis" if colour == "loss" else "RdBu_r", STEPS, colortype="tuple")
    colours = ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]
    ends = {
        0: f"{fixed(low, 2)} or less" if colour == "influence" else fixed(low, 2),
        STEPS - 1: f"{fixed(edge, 2)} or more",
    }
    names = [f"{COLOURS[colour].lower()} {ends[i]}" if i in ends else "" for i in range(STEPS)]
    dots = [Mark(name, tint, alpha=0.85) for name, tint in zip(names, colours, strict=True)]
    diamonds = [Mark("poisoned" if i == STEPS // 2 else "", tint, "diamond") for i, tint in enumerate(colours)]
    return dots + diamonds, step + STEPS * points.is_poison


def words(points: Points, rows: Iterable[int], head: str) -> list[str]:
    """Each point in a few words."""
    predicted, n = points.predicted(head), points.n_clean
    texts = []
    for row in rows:
        label = points.classes[int(points.y[row])]
        who = f"training image {row}: {label}"
        if row >= n:
            base = points.classes[int(points.plot.base_y[row - n])]
            who = (
                f"poisoned sample {row - n}: {base}, label kept"
                if base == label
                else f"poisoned sample {row - n}: {base} labelled {label}"
            )
        chosen = points.classes[int(predicted[row])]
        texts.append(who if chosen == label else f"{who}<br>predicted {chosen}")
    return texts


def table(points: Points, images: PointImages, rows: Sequence[int], head: str) -> Mapping[str, Sequence[str | float]]:
    """The columns of the image grid for some points."""
    predicted, losses, influence = points.predicted(head), points.losses(head), points.influence
    kinds = ["poisoned" if points.is_poison[row] else "clean" for row in rows]
    return {
        "Image": [picture(images[row]) for row in rows],
        "Kind": kinds,
        "Label": [points.classes[int(points.y[row])] for row in rows],
        "Predicted": [points.classes[int(predicted[row])] for row in rows],
        "Loss": [round(float(losses[row]), 3) for row in rows],
        "Influence": [round(float(influence[row]), 3) for row in rows],
        "Row": [int(row) for row in rows],
    }


def picture(image: Array) -> str:
    """An image (C, H, W) uint8 as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(thumbnail(image, TILE_PIXELS)).decode()}"
