"""Parts of an HTML file that needs nothing beside it."""

import base64

import plotly.graph_objects as go

from core.presentation import figures


def link(content: bytes, mime: str) -> str:
    """Content as an address that needs no network."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def plot_html(name: str, figure: go.Figure, words: str) -> str:
    """A figure as HTML that waits for the report's one plotly.js; its colours are those of the style sheet."""
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
    return f'<div role="img" aria-label="{words}">{html}</div>'
