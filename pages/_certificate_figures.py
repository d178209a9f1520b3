"""Figures of certificates: certified accuracy, beside the accuracy under stored attacks. No Streamlit here."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.certificates.certificate import AddedPoints, FlippedLabels
from core.presentation.figures import NEUTRAL, PALETTE, POISONED

HEIGHT = 340
CERTIFIED_COLOUR = PALETTE[4]


def added_figure(
    certificate: AddedPoints, n_train: int, runs: Sequence[tuple[str, int, float]], here: int, bad: int
) -> go.Figure:
    """Test accuracy by the number of points added: certified for the ensemble, measured for a single head.

    Args:
        certificate: of the run.
        n_train: clean training points.
        runs: (words, points added, accuracy of a single head) of attacks on the same data, without an attack first.
        here: the position of this run among them.
        bad: the number of points that a person asks about, which is marked.
    """
    figure = go.Figure(_certified_curve(certificate.certified, "points added"))
    n_poison = runs[here][1]
    figure.add_trace(
        _dots(
            [
                ("Ensemble without poison", 0, certificate.clean),
                ("Ensemble under this attack", n_poison, certificate.attacked),
            ],
            "Ensemble, attacked",
            {"symbol": "square-open", "size": 10, "color": CERTIFIED_COLOUR, "line": {"width": 2}},
        )
    )
    others = [run for place, run in enumerate(runs) if place != here]
    figure.add_trace(
        _dots(others, "Single head, attacked", {"symbol": "circle", "size": 8, "color": NEUTRAL, "opacity": 0.8})
    )
    figure.add_trace(_dots([runs[here]], "This run", {"symbol": "diamond", "size": 12, "color": POISONED}))
    last = max(len(certificate.certified) - 1, *(points for _, points, _ in runs))
    _set_layout(figure, f"Points added to {n_train:,} clean ones", last)
    _mark(figure, bad, certificate.at(bad))
    return figure


def flipped_figure(certificate: FlippedLabels, n_train: int, clean: float, bad: int) -> go.Figure:
    """Accuracy by the number of labels flipped.

    Args:
        certificate: of the run.
        n_train: clean training points.
        clean: accuracy of a single head on the true labels.
        bad: the number of labels that a person asks about, which is marked.
    """
    figure = go.Figure(_certified_curve(certificate.certified, "labels flipped"))
    flips, left = zip((0, clean), *certificate.plain, strict=True)
    figure.add_trace(
        go.Scatter(
            x=flips,
            y=[100 * accuracy for accuracy in left],
            name="Single head, labels flipped by influence",
            mode="lines+markers",
            line={"color": NEUTRAL, "dash": "dot"},
            marker={"size": 7},
            hovertemplate="%{x} flipped: %{y:.1f} %<extra></extra>",
        )
    )
    _set_layout(figure, f"Labels flipped of {n_train:,}", max(3 * len(certificate.certified), 12, bad))
    _mark(figure, bad, certificate.at(bad))
    return figure


def _certified_curve(shares: Sequence[float], words: str) -> go.Scatter:
    return go.Scatter(
        x=list(range(len(shares))),
        y=[100 * share for share in shares],
        name="Certified",
        mode="lines",
        line={"color": CERTIFIED_COLOUR, "width": 2.5, "shape": "hv"},
        fill="tozeroy",
        fillcolor="rgba(131, 45, 182, 0.15)",
        hovertemplate=f"%{{x}} {words}: %{{y:.1f}} % certified<extra></extra>",
    )


def _dots(rows: Sequence[tuple[str, int, float]], name: str, marker: Mapping[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[points for _, points, _ in rows],
        y=[100 * accuracy for *_, accuracy in rows],
        name=name,
        mode="markers",
        marker=dict(marker),
        cliponaxis=False,
        text=[words for words, *_ in rows],
        hovertemplate="%{text}: %{y:.1f} % at %{x} points<extra></extra>",
    )


def _mark(figure: go.Figure, bad: int, accuracy: float) -> None:
    """A line at what is asked about, with its answer."""
    figure.add_vline(x=bad, line={"color": CERTIFIED_COLOUR, "width": 1.5, "dash": "dash"})
    figure.add_scatter(
        x=[bad],
        y=[100 * accuracy],
        mode="markers",
        marker={"symbol": "circle", "size": 12, "color": CERTIFIED_COLOUR, "line": {"width": 2, "color": "#ffffff"}},
        showlegend=False,
        hovertemplate="%{x}: %{y:.1f} % guaranteed<extra></extra>",
    )


def _set_layout(figure: go.Figure, words: str, last: int) -> None:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        legend={"orientation": "h", "yanchor": "top", "y": -0.25, "x": 0},
    )
    figure.update_xaxes(title=words, range=[-0.02 * last, 1.04 * last])
    figure.update_yaxes(title="Test accuracy, %", range=[0, 101])
