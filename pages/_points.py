"""The interactive map: its figure, and the text and images of single points. No Streamlit here."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.experiments.points import PointImages, Points
from core.presentation import figures
from core.presentation.figures import CLEAN, NEUTRAL, PALETTE, POISONED, thumbnail
from core.system.arrays import Array

SPACES = {"umap": "UMAP", "pca": "PCA", "plane": "Decision plane"}
COLOURS = {
    "class": "Class",
    "right": "Correct or wrong",
    "loss": "Loss",
    "influence": "Influence",
    "poison": "Clean or poisoned",
}
HEADS = {"poisoned": "with poison", "clean": "without poison"}
HEIGHT = 540
TILE_PIXELS = 56
_CROWD = 10_000
"""Points beyond which each is drawn smaller: they cover each other less, and without a GPU the map moves sooner."""
_MOST_WORDS = 5_000
"""Points beyond which no text is made for each: hovering then shows the row only."""


def figure(
    points: Points,
    positions: Array,
    *,
    colour: str,
    head: str,
    arrows: bool,
    lassoed: Sequence[int],
    picked: Sequence[int],
    axes: tuple[str, str] | None,
) -> go.Figure:
    """All points; poison as diamonds on top, `picked` ones in rings, the others dim where some are `lassoed`.

    Args:
        positions: (n + m, 2).
        colour: a key of `COLOURS`.
        head: a key of `HEADS`: the head of the predictions and losses.
        arrows: whether lines lead from base images to their poison.
        axes: titles where the axes mean something; None hides them.
    """
    chart = go.Figure()
    rows = np.arange(len(positions))
    texts = words(points, rows, head) if len(rows) <= _MOST_WORDS else None
    if arrows:
        moved = points.plot.moved
        start, end = positions[points.plot.base_index][moved], positions[points.n_clean :][moved]
        chart.add_trace(figures.arrows(start, end, "shift", NEUTRAL))
    for name, group, marker in _groups(points, colour, head):
        chart.add_trace(
            go.Scattergl(
                x=positions[group, 0],
                y=positions[group, 1],
                name=name,
                mode="markers",
                marker=marker,
                selectedpoints=np.flatnonzero(np.isin(group, lassoed)) if lassoed else None,
                customdata=group.astype(np.int32),
                text=None if texts is None else [texts[row] for row in group],
                hovertemplate=f"{'point %{customdata}' if texts is None else '%{text}'}<extra></extra>",
            )
        )
    if picked:
        chart.add_trace(
            go.Scattergl(
                x=positions[picked, 0],
                y=positions[picked, 1],
                name="pinned",
                mode="markers",
                marker={"size": 18, "symbol": "circle-open", "color": NEUTRAL, "line": {"width": 3}},
                hoverinfo="skip",
            )
        )
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={
            "orientation": "h",
            "y": -0.08 if axes is None else -0.16,
            "yanchor": "top",
            "itemsizing": "constant",
            "entrywidth": 92,
        },
        hovermode="closest",
        dragmode="lasso",
        # Zoom and lasso outlive a change of colour, not one of the map.
        uirevision=str(axes),
        selectionrevision=str(lassoed),
    )
    if axes is None:
        chart.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
        chart.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, scaleanchor="x", scaleratio=1)
    else:
        chart.update_xaxes(title=axes[0], zeroline=True, zerolinewidth=2, zerolinecolor=NEUTRAL)
        chart.update_yaxes(title=axes[1], zeroline=False)
    return chart


def _groups(points: Points, colour: str, head: str) -> list[tuple[str, Array, dict[str, object]]]:
    """Name, rows and marker of each trace, the poison last, so that it lies on top."""
    rows, poison = np.arange(len(points.y)), points.is_poison
    if colour in ("loss", "influence"):
        values = (points.losses(head) if colour == "loss" else points.influence).astype(np.float32)
        edge = float(np.quantile(np.abs(values), 0.99)) or 1.0  # a single far value would leave the rest one colour
        scale: dict[str, object] = {
            "colorscale": "Cividis" if colour == "loss" else "RdBu_r",
            "cmin": 0.0 if colour == "loss" else -edge,
            "cmax": edge,
            "colorbar": {"title": {"text": COLOURS[colour], "side": "right"}, "thickness": 12, "len": 0.8},
        }
        return [
            ("clean", rows[~poison], {**_clean(points, 0.8), "color": values[~poison], **scale}),
            ("poisoned", rows[poison], {**_diamond(), "color": values[poison], **scale, "showscale": False}),
        ]
    if colour == "poison":
        return [
            ("clean", rows[~poison], {**_clean(points, 0.4), "color": NEUTRAL}),
            ("poisoned", rows[poison], {**_diamond(), "color": POISONED}),
        ]
    if colour == "right":
        right = points.predicted(head) == points.y
        pairs = (("correct", right & ~poison, CLEAN, 0.35), ("wrong", ~right & ~poison, POISONED, 0.9))
        clean = [
            (name, rows[chosen], {**_clean(points, opacity), "color": tint}) for name, chosen, tint, opacity in pairs
        ]
        tints = np.where(right[poison], CLEAN, POISONED)
        return [*clean, ("poisoned", rows[poison], {**_diamond(), "color": tints})]
    clean = [
        (name, rows[(points.y == label) & ~poison], {**_clean(points, 0.55), "color": PALETTE[label % len(PALETTE)]})
        for label, name in enumerate(points.classes)
    ]
    tints = np.array([PALETTE[label % len(PALETTE)] for label in points.y[poison]])
    return [*clean, ("poisoned", rows[poison], {**_diamond(), "color": tints})]


def _clean(points: Points, opacity: float) -> dict[str, object]:
    return {"size": 5 if points.n_clean <= _CROWD else 3, "opacity": opacity}


def _diamond() -> dict[str, object]:
    return {"size": 9, "symbol": "diamond", "line": {"width": 1.5, "color": "#ffffff"}}


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


def chosen_rows(selection: dict[str, Any]) -> list[int]:
    """Rows of the points that were lassoed, boxed or clicked; what is no point, such as a line, has none."""
    rows = []
    for point in selection.get("points", []):
        data = point.get("customdata")
        row = data[0] if isinstance(data, list) else data
        if row is not None:
            rows.append(int(row))
    return sorted(set(rows))
