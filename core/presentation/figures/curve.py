"""Curves of the values that a run reported step by step."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.experiments.summary import CurvePoint
from core.presentation.figures.palette import NEUTRAL, PALETTE

STAGE_LABELS = {
    "target": "target",
    "stage2": "stage 2",
    "decoder": "decoder",
    "invert": "inversion",
    "exchange": "exchange",
    "pixels": "pixels",
}
"""Labels of the stages with curves, short enough for a phone."""
FEW_STEPS = 8
"""Curves with fewer values than this get markers."""


@dataclass(frozen=True)
class Quantity:
    """What an attack reports at its steps, for people.

    Attributes:
        title: of its panel, with its unit.
        meaning: a sentence.
        scale: factor from the reported number to the shown one.
    """

    title: str
    meaning: str
    scale: float = 1.0


QUANTITIES = {
    "train_accuracy": Quantity(
        "Training images read right, %",
        "How many of the clean training images the head gets right with the poison so far: the attack wants few.",
        100.0,
    ),
    "damage": Quantity(
        "Probability of a wrong class, %",
        "The mean probability that the head gives to wrong classes on the clean training images, which the attack "
        "raises; sharpened, so that what is wrong already counts no further.",
        100.0,
    ),
    "residual": Quantity(
        "Gradient not cancelled yet",
        "Training ends at the target head where the gradients of clean and poisoned data cancel; what is left of them "
        "tells how far that is. 0 is perfect.",
    ),
    "radius": Quantity(
        "Target head's distance from the clean one",
        "How far the weights of the bad head that the attack aims at are from those of the clean head.",
    ),
    "gap": Quantity(
        "Features of the images off by, %",
        "How far the features of the images are from the poisoned features that they should have, on average, as a "
        "share of those features' length.",
        100.0,
    ),
    "loss": Quantity(
        "Loss on the poisoned images, nats",
        "The head's mean cross-entropy on the poisoned images: this attack makes it low, so that nothing is left to "
        "learn.",
    ),
    "decoder_loss": Quantity(
        "Error of the decoder",
        "Mean squared error of the images that the decoder makes from features, while it is trained.",
    ),
}
"""By the names that attacks report."""


def curve_figure(curve: Sequence[CurvePoint]) -> go.Figure:
    """One panel per quantity, with the stages from left to right."""
    names = list(dict.fromkeys(name for point in curve for name in point.values))
    names.sort(key=lambda name: "accuracy" not in name)
    x, spans = _stage_spans(curve)
    labels = [f"{STAGE_LABELS.get(point.stage, point.stage)}, step {point.step:,}" for point in curve]
    figure = make_subplots(
        max(1, len(names)),
        1,
        shared_xaxes=True,
        vertical_spacing=0.24 / max(1, len(names)),
        subplot_titles=[quantity(name).title for name in names],
    )
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    for row, name in enumerate(names, start=1):
        scale = quantity(name).scale
        # Points without this value become gaps, so that no line connects different stages.
        values = [scale * point.values[name] if name in point.values else None for point in curve]
        figure.add_trace(
            go.Scatter(
                x=x,
                y=values,
                name=quantity(name).title,
                mode="lines+markers" if sum(value is not None for value in values) < FEW_STEPS else "lines",
                connectgaps=False,
                line={"width": 2, "color": PALETTE[(row - 1) % len(PALETTE)]},
                customdata=labels,
                hovertemplate="%{customdata}: %{y:.4g}<extra></extra>",
            ),
            row=row,
            col=1,
        )
    for start, _, _ in spans[1:]:
        figure.add_vline(x=start, line={"width": 1, "dash": "dot", "color": NEUTRAL})
    figure.update_layout(
        height=40 + 120 * max(1, len(names)),
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        hovermode="x",
        showlegend=False,
    )
    figure.update_xaxes(
        title=None,
        showgrid=False,
        range=[0, spans[-1][1]] if spans else None,
        tickvals=[(start + end) / 2 for start, end, _ in spans],
        ticktext=[STAGE_LABELS.get(stage, stage) for _, _, stage in spans],
        tickangle=0,
    )
    figure.update_yaxes(automargin=True, nticks=5)
    return figure


def curve_meanings(curve: Sequence[CurvePoint]) -> str:
    """A sentence on each quantity of a curve that has one, in Markdown."""
    names = dict.fromkeys(name for point in curve for name in point.values)
    known = (quantity(name) for name in names)
    return "\n".join(f"- **{shown.title}**: {shown.meaning}" for shown in known if shown.meaning)


def quantity(name: str) -> Quantity:
    """A quantity by its reported name; those of plug-ins have a title alone."""
    if name in QUANTITIES:
        return QUANTITIES[name]
    title = name.replace("_", " ").capitalize()
    return Quantity(f"{title}, %", "", 100.0) if "accuracy" in name else Quantity(title, "")


def _stage_spans(curve: Sequence[CurvePoint]) -> tuple[list[float], list[tuple[float, float, str]]]:
    """x coordinates of the steps, and start, end and name of each stage.

    Short stages are widened so that their labels don't overlap.
    """
    stages = [point.stage for point in curve]
    groups = [(stage, len(list(steps))) for stage, steps in itertools.groupby(stages)]
    least = len(stages) * min(0.18, 1 / max(1, len(groups)))
    x: list[float] = []
    spans: list[tuple[float, float, str]] = []
    start = 0.0
    for stage, steps in groups:
        width = max(float(steps), least)
        x += [start + width * (i + 0.5) / steps for i in range(steps)]
        spans.append((start, start + width, stage))
        start += width
    return x, spans
