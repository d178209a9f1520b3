"""The report of a finished run: one HTML file with numbers, plots, images, method and sources.

The file is self-contained, including plotly.js, and forbids the browser to load anything else.
"""

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.catalog import choices
from core.presentation import captions, export, figures, method, report_sections
from core.presentation.embedding import RUN_OPENING, link, plot_html, run_data
from core.presentation.templates import template
from core.storage import reached
from core.storage.runs import StoredRun

TEMPLATE = "report.html.j2"


def report(run: StoredRun) -> str:
    """The report of a run as HTML; the same run and the same versions give the same text.

    What images can do at all is part of it once it was measured: see `core.storage.reached`.

    Raises:
        StoreError: the run's arrays are missing or damaged, or it has no map.
        SpecError: this version can't read the run's spec.
    """
    values = {**_results(run), **_method(run), **_downloads(run)}
    return template(TEMPLATE).render(hash=run.hash, plotly_js=get_plotlyjs(), **values)


def _results(run: StoredRun) -> dict[str, object]:
    """Template values: numbers, images and plots."""
    summary, plot = run.summary, export.require_plot(run)
    return {
        "headline": report_sections.headline(summary),
        "words": choices.one_line(summary.spec),
        "findings": [*report_sections.findings(summary), *_reach_findings(run)],
        "tiles": report_sections.tiles(summary),
        "images": report_sections.images(plot, summary.classes),
        "images_caption": report_sections.images_caption(plot),
        "has_images": plot.makes_images,
        "has_shift": bool(plot.shift.any()),
        "decoder_caption": captions.decoder_caption(summary.notes),
        "evasion_caption": captions.evasion_caption(summary),
        "starts_caption": captions.starts_caption(summary),
        "n_poison": plot.n_poison,
        "map": report_sections.map_plot(plot, summary.classes),
        "map_caption": captions.map_caption(plot),
        "has_stage2": plot.makes_images and plot.stage2_xy is not None,
        "accuracy": report_sections.accuracy_plot(summary),
        "per_class": report_sections.per_class_plot(summary),
        "classes": report_sections.classes(summary),
        "curve": plot_html("curve", figures.curve_figure(summary.curve), "Values of the run at each step")
        if summary.curve
        else "",
        "reach": report_sections.reach(summary.threshold),
    }


def _reach_findings(run: StoredRun) -> list[str]:
    """What images can do at all with the budget, where somebody has had it measured."""
    reach = reached.find(run.hash)
    return [] if reach is None else [captions.image_reach_caption(reach).replace("**", "")]


def _method(run: StoredRun) -> dict[str, object]:
    """Template values: threat model, method and sources."""
    summary, description = run.summary, run.summary.description
    return {
        "attack": description.title,
        "attack_about": description.about,
        "steps": description.report_steps,
        "threat": method.threat_model(summary.spec),
        "measured": method.measurement(summary),
        "remarks": summary.remarks,
        "settings": method.settings(summary.spec),
        "sources": method.sources(summary.spec),
        "computed": method.computed(summary),
    }


def _downloads(run: StoredRun) -> dict[str, object]:
    """Template values: what a reader needs to reproduce the run and to cite it."""
    spec_json, bibtex = export.spec_json(run.spec), export.bibtex(run.spec)
    return {
        "command": export.command(run.spec),
        "spec_json": spec_json,
        "bibtex": bibtex,
        "table_link": link(export.table_file(run, ".csv"), "text/csv"),
        "spec_link": link(spec_json.encode(), "application/json"),
        "run_data": Markup(f"{RUN_OPENING}{run_data(run)}</script>"),
        "bibtex_link": link(bibtex.encode(), "text/plain"),
    }
