"""Parts of a self-contained HTML file."""

import base64
import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from core.presentation import figures
from core.storage.runs import StoredRun
from core.system import finite_json
from core.system.errors import StoreError

RUN_OPENING = '<script type="application/json" id="run">'
"""Before what `core verify` needs of a run."""


def link(content: bytes, mime: str) -> str:
    """Content as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def run_data(run: StoredRun) -> str:
    """What `core verify` needs of a run, as JSON that stands inside its report: settings, hash and accuracies."""
    stated = {
        "spec": run.spec.model_dump(mode="json"),
        "hash": run.hash,
        "clean": run.summary.clean.accuracy,
        "poisoned": run.summary.poisoned.accuracy,
    }
    return finite_json.dumps(stated, sort_keys=True).replace("<", "\\u003c")


def read_run(path: Path) -> dict[str, Any] | None:
    """What `run_data` has put into a report; None where the file is no report of a run.

    Raises:
        StoreError: the file can't be read.
    """
    try:
        text = path.read_text("utf-8")
        inside = text.partition(RUN_OPENING)[2].partition("</script>")[0]
        stated = json.loads(inside) if inside else None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read as a report ({error}).") from error
    is_run = isinstance(stated, dict) and {"spec", "hash", "clean", "poisoned"} <= stated.keys()
    return stated if is_run else None


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
