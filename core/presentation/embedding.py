"""Parts of a self-contained HTML file."""

import base64

import plotly.graph_objects as go

from core.presentation import figures


def link(content: bytes, mime: str) -> str:
    """Content as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def plot_html(name: str, figure: go.Figure, alt: str) -> str:
    """A figure as HTML, without plotly.js, in the colours of the report's style sheet.

    Args:
        name: id of the element.
        figure: modified in place.
        alt: text alternative.
    """
    title = {"standoff": 8, "font": {"size": 13}}
    figure.update_xaxes(automargin=True, title=title)
    figure.update_yaxes(automargin=True, title=title)
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#1b2430"},
        hoverlabel={"bgcolor": "#1b2430", "bordercolor": "#1b2430", "font": {"color": "#ffffff"}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": figures.NEUTRAL, "activecolor": figures.CLEAN},
        dragmode="pan" if name == "map" else False,
    )
    has_bar = name == "map"
    config = {"responsive": True, "displaylogo": False, "displayModeBar": "hover" if has_bar else False}
    html = str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config))
    return f'<div role="img" aria-label="{alt}">{html}</div>'
