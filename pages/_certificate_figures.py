"""The pictures of certificates: what is certain, beside what attacks have done. No Streamlit here."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.certificates.certificate import AddedPoints, FlippedLabels
from core.presentation.figures import NEUTRAL, PALETTE, POISONED

HEIGHT = 340
CERTAIN = PALETTE[4]


def added_figure(
    certificate: AddedPoints, n_train: int, runs: Sequence[tuple[str, int, float]], here: int
) -> go.Figure:
    """Accuracy by the number of points added: certain for the vote, reached by attacks on a single head.

    Args:
        certificate: of the run.
        n_train: clean training points.
        runs: (words, points added, accuracy of a single head) of attacks on the same data, without poison first.
        here: which of them is the run on show.
    """
    figure = go.Figure(_certain(certificate.certified, "points added"))
    n_poison = runs[here][1]
    figure.add_trace(
        _dots(
            [("Vote without poison", 0, certificate.clean), ("Vote with this poison", n_poison, certificate.attacked)],
            "Vote of heads, attacked",
            {"symbol": "square-open", "size": 10, "color": CERTAIN, "line": {"width": 2}},
        )
    )
    others = [one for place, one in enumerate(runs) if place != here]
    figure.add_trace(
        _dots(others, "Single head, attacked", {"symbol": "circle", "size": 8, "color": NEUTRAL, "opacity": 0.8})
    )
    figure.add_trace(_dots([runs[here]], "This run", {"symbol": "diamond", "size": 12, "color": POISONED}))
    last = max(len(certificate.certified) - 1, *(points for _, points, _ in runs))
    _laid_out(figure, f"Points added to {n_train:,} clean ones", last)
    return figure


def flipped_figure(certificate: FlippedLabels, n_train: int, clean: float) -> go.Figure:
    """Accuracy by the number of labels flipped.

    Args:
        certificate: of the run.
        n_train: clean training points.
        clean: accuracy of a single head on the true labels.
    """
    figure = go.Figure(_certain(certificate.certified, "labels flipped"))
    flips, left = zip((0, clean), *certificate.plain, strict=True)
    figure.add_trace(
        go.Scatter(
            x=flips,
            y=[100 * one for one in left],
            name="Single head, labels flipped by influence",
            mode="lines+markers",
            line={"color": NEUTRAL, "dash": "dot"},
            marker={"size": 7},
            hovertemplate="%{x} flipped: %{y:.1f} %<extra></extra>",
        )
    )
    _laid_out(figure, f"Labels flipped of {n_train:,}", max(3 * len(certificate.certified), 12))
    return figure


def _certain(shares: Sequence[float], words: str) -> go.Scatter:
    return go.Scatter(
        x=list(range(len(shares))),
        y=[100 * one for one in shares],
        name="Certain",
        mode="lines",
        line={"color": CERTAIN, "width": 2.5, "shape": "hv"},
        fill="tozeroy",
        fillcolor="rgba(131, 45, 182, 0.15)",
        hovertemplate=f"%{{x}} {words}: %{{y:.1f}} % certain<extra></extra>",
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


def _laid_out(figure: go.Figure, words: str, last: int) -> None:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        legend={"orientation": "h", "yanchor": "top", "y": -0.25, "x": 0},
    )
    figure.update_xaxes(title=words, range=[-0.02 * last, 1.04 * last])
    figure.update_yaxes(title="Test accuracy, %", range=[0, 101])
