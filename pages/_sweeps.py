"""The pictures of a sweep: lines against budget, and the matrix of attacks and extractors. No Streamlit here."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.experiments.sweep import CellResult
from core.presentation.figures import NEUTRAL, PALETTE
from core.system.numbers import fixed

LINES_HEIGHT = 440


def lines(points: Sequence[CellResult], titles: Mapping[str, str]) -> go.Figure:
    """Test accuracy against budget, a line an attack; whiskers are 95 % intervals over seeds.

    Args:
        points: of one extractor.
        titles: words for attacks, "flips" among them.
    """
    chart = go.Figure()
    clean = [value for point in points for value in point.clean]
    budgets = sorted({100 * point.cell.budget for point in points})
    if clean:
        mean = 100 * sum(clean) / len(clean)
        chart.add_scatter(
            x=[budgets[0], budgets[-1]],
            y=[mean, mean],
            name="Clean",
            mode="lines",
            line={"color": NEUTRAL, "dash": "dash", "width": 2},
            hovertemplate="Clean: %{y:.1f} %<extra></extra>",
        )
    for i, attack in enumerate(dict.fromkeys(point.cell.attack for point in points)):
        group = [point for point in points if point.cell.attack == attack and point.drop is not None]
        means = [100 * sum(point.poisoned) / len(point.poisoned) for point in group]
        reach = [point.drop.high - point.drop.mean if point.drop else 0.0 for point in group]
        is_baseline = attack == "flips"
        color = NEUTRAL if is_baseline else PALETTE[(i - 1) % len(PALETTE)]
        chart.add_scatter(
            x=[100 * point.cell.budget for point in group],
            y=means,
            error_y={"array": reach, "thickness": 1.5, "width": 4},
            name=titles[attack],
            mode="lines+markers",
            line={"color": color, "width": 2.5, "dash": "dot" if is_baseline else "solid"},
            marker={"size": 9},
            customdata=[len(point.poisoned) for point in group],
            hovertemplate="%{x:g} % poison: %{y:.1f} % (%{customdata} seeds)<extra>%{fullData.name}</extra>",
        )
    chart.update_layout(
        height=LINES_HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "title": None},
    )
    chart.update_xaxes(title="Budget: poisoned per clean image, %", type="log", tickvals=budgets)
    chart.update_yaxes(title="Test accuracy, %")
    return chart


def matrix(points: Sequence[CellResult], titles: Mapping[str, str]) -> go.Figure:
    """Points of accuracy lost, attacks against extractors; cells without a result are empty.

    Args:
        points: at one budget.
        titles: words for attacks and extractors.
    """
    attacks = list(dict.fromkeys(point.cell.attack for point in points))
    extractors = list(dict.fromkeys(point.cell.extractor for point in points))
    known = {(point.cell.attack, point.cell.extractor): point.drop for point in points}
    drops = [[known[attack, extractor] for extractor in extractors] for attack in attacks]
    values = [[None if drop is None else drop.mean for drop in row] for row in drops]
    words = [["…" if drop is None else fixed(drop.mean) for drop in row] for row in drops]
    chart = go.Figure(
        go.Heatmap(
            x=[titles[name].replace(", ", ",<br>", 1) for name in extractors],
            y=[titles[name] for name in attacks],
            z=values,
            text=words,
            texttemplate="%{text}",
            colorscale="Cividis",
            zmin=0,
            zmax=max([0.0, *(value for row in values for value in row if value is not None)]) or 1.0,
            colorbar={"title": {"text": "Points lost", "side": "right"}, "thickness": 12},
            hovertemplate="%{y}<br>%{x}: %{z:.1f} points lost<extra></extra>",
            hoverongaps=False,
        )
    )
    chart.update_layout(height=140 + 44 * len(attacks), margin={"l": 0, "r": 0, "t": 8, "b": 0})
    chart.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    chart.update_xaxes(automargin=True, tickangle=0, showgrid=False)
    return chart
