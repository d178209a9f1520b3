"""A finished run as one HTML file for people who have no lab at hand: numbers, plots, images, method, sources.

The file holds everything itself, plotly.js included, and tells the browser to load nothing else.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from core.catalog import choices
from core.catalog.descriptions import describe
from core.catalog.lookup import data_info, extractor_info
from core.defences.registry import RECORDS as DEFENCES
from core.experiments.result import LUCK, SCORES, chance, drop, paired_error
from core.presentation import export, figures, wording
from core.spec.events import STAGES
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, ExperimentSpec
from core.storage.runs import StoredRun
from core.system import paths
from core.system.arrays import Array
from core.system.errors import PoisonLabError
from core.system.versions import versions

TEMPLATE = "report.html.j2"
MOST_IMAGES = 24
"""Poisons that the grid shows: enough to see what the attack does, few enough to print."""
MAP_HEIGHT = 560
NOTES = {
    "clean": "head trained without poison",
    "target": "the bad head that the attack aims at",
    "stage2": "poison as feature vectors, not yet images",
    "poisoned": "head retrained with the poison: the attack",
}
LEARNT = {
    "supervised": "with labels",
    "simclr": "without labels, by SimCLR",
    "moco": "without labels, by MoCo",
}


def report(run: StoredRun) -> str:
    """The report of a run: the same run and the same versions give the same text.

    Raises:
        StoreError: the run's arrays are missing or damaged, or it was made without a map.
        SpecError: the run's spec is not one of this version.
    """
    spec, result, view = run.spec, run.result, export.drawn(run)
    description = describe(spec, result.get("plugins", {}))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        hash=run.hash,
        headline=headline(result, spec),
        words=choices.words(spec),
        findings=findings(result, spec),
        tiles=tiles(result),
        plotly_js=get_plotlyjs(),
        images=images(view, result["classes"]),
        images_words=images_words(view),
        has_images="poison_x" in view,
        has_shift=bool(view["shift"].any()),
        decoder_words=wording.decoder_words(result["notes"]),
        evasion_words=wording.evasion_words(result),
        n_poison=len(view["poison_y"]),
        map=_plot("map", _map(view, result["classes"]), "Map of the clean training features with the poison"),
        map_words=wording.map_words(view),
        has_stage2="poison_x" in view and "stage2_xy" in view,
        accuracy=_plot("accuracy", _accuracy(result), "Test accuracy of each head"),
        per_class=_plot(
            "per-class",
            figures.per_class_figure(result["clean"]["per_class"], result["poisoned"]["per_class"], result["classes"]),
            "Points of accuracy lost per class",
        ),
        classes=classes(result),
        curve=_plot("curve", figures.curve_figure(result["curve"]), "Values of the run at each step")
        if result["curve"]
        else "",
        reach=reach(result["threshold"]),
        attack=description.title,
        attack_about=description.about,
        steps=description.report_steps,
        threat=threat_model(spec),
        measured=measurement(result, spec),
        settings=settings(spec),
        sources=sources(spec),
        command=export.command(spec),
        spec_json=export.spec_json(spec),
        bibtex=export.bibtex(spec),
        table_link=_link(export.table_file(run, ".csv"), "text/csv"),
        spec_link=_link(export.spec_json(spec).encode(), "application/json"),
        bibtex_link=_link(export.bibtex(spec).encode(), "text/plain"),
        computed=computed(result, spec),
    )


def headline(result: Mapping[str, Any], spec: ExperimentSpec) -> str:
    """What happened, in one sentence without a full stop."""
    m, lost = result["n_poison"], drop(result)
    verb = "costs" if m == 1 else "cost"
    loss = f"{lost:.1f} points of accuracy" if round(lost, 1) > 0 else "no accuracy"
    return f"{m:,} poisoned {_things(spec, m)} {verb} a classifier of {choices.title(data_info, spec.data)} {loss}"


def findings(result: Mapping[str, Any], spec: ExperimentSpec) -> list[str]:
    """What a reader should take away, a sentence or two each, the most important first."""
    clean, poisoned = (100 * result[key]["accuracy"] for key in ("clean", "poisoned"))
    n_train, n_test, m = result["n_train"], result["n_test"], result["n_poison"]
    lost = drop(result)
    extractor = choices.title(extractor_info, spec.extractor)
    said = [
        f"Trained on {n_train:,} clean images, a linear head on the frozen extractor “{extractor}” classifies "
        f"{clean:.1f} % of {n_test:,} test images correctly. With {m:,} poisoned {_things(spec, m)} beside the clean "
        f"ones, {100 * spec.budget:g} % of their number, it classifies {poisoned:.1f} %."
    ]
    if result["stage2"] is not None and not _is_feature_only(spec):
        stage2 = drop(result, "stage2")
        said.append(
            f"As feature vectors, before they become images, the same poison would cost {stage2:.1f} points; as images "
            f"it costs {lost:.1f}."
        )
    losses = [100 * (a - b) for a, b in zip(result["clean"]["per_class"], result["poisoned"]["per_class"], strict=True)]
    worst = max(range(len(losses)), key=losses.__getitem__)
    if lost > 0 and losses[worst] > 0:
        before, after = (100 * result[key]["per_class"][worst] for key in ("clean", "poisoned"))
        said.append(f"Hardest hit is {result['classes'][worst]}, from {before:.1f} % to {after:.1f} %.")
    luck = chance(result)
    counts = result["poisoned"]
    if counts.get("lost") is not None:
        said.append(
            f"Of {n_test:,} test images, {counts['lost']:,} that were right are now wrong, and {counts['gained']:,} "
            "that were wrong are now right."
        )
    often = f"{100 * luck:.1g} %" if luck >= 1e-4 else "less than 0.01 %"
    judged = "." if luck < LUCK else ", so that this run alone proves little. Repeat it, or test more images."
    said.append(
        f"The drop's standard error is {paired_error(result):.1f} points; luck alone would move accuracy by as much in "
        f"{often} of such tests{judged}"
    )
    return said


def tiles(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """The row of big numbers: `label`, `value`, `note` each; a dash where the attack has no such head."""
    row = []
    for key, (label, _) in SCORES.items():
        score = result[key]
        value = "—" if score is None else f"{100 * score['accuracy']:.1f} %"
        note = "not a part of this attack" if score is None else NOTES[key]
        row.append({"label": label, "value": value, "note": note})
    row.append({"label": "Drop", "value": f"{drop(result):.1f}", "note": "points, clean minus poisoned"})
    return row


def classes(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy of each class in percent: `name`, `clean`, `poisoned`, `lost`, in the order of the classes."""
    rows = zip(result["classes"], result["clean"]["per_class"], result["poisoned"]["per_class"], strict=True)
    return [
        {"name": name, "clean": 100 * clean, "poisoned": 100 * poisoned, "lost": 100 * (clean - poisoned)}
        for name, clean, poisoned in rows
    ]


@dataclass(frozen=True)
class Shown:
    """One poison of the grid.

    Attributes:
        source: PNG of base, poison and difference as a data URI; of the base alone where there are no images.
        alt: what is to be seen, in words.
        base, label: class names, before and after.
        details: gap and shift.
    """

    source: str
    alt: str
    base: str
    label: str
    details: str


def images(view: Mapping[str, Array], classes: Sequence[str]) -> list[Shown]:
    """At most `MOST_IMAGES` poisons, those that have moved farthest in feature space first, else in their order."""
    poison = view.get("poison_x")
    factor = 0 if poison is None else figures.amplification(view["base_x"], poison)
    shown = []
    for row in np.argsort(-view["shift"], kind="stable")[:MOST_IMAGES]:
        base, label = (classes[int(view[key][row])] for key in ("base_y", "poison_y"))
        gap = f"gap {float(view['gap'][row]):.2f} · " if "gap" in view else ""
        png = figures.strip(view["base_x"][row], None if poison is None else poison[row], factor)
        alt = (
            f"Base image of poison {row}, {base}"
            if poison is None
            else f"Poison {row}: its base image, {base}; the poisoned image, labelled {label}; their difference"
        )
        shift = f"shift {float(view['shift'][row]):.2f}"
        shown.append(Shown(_link(png, "image/png"), alt, base, label, gap + shift))
    return shown


def images_words(view: Mapping[str, Array]) -> str:
    """How to read the grid."""
    if "poison_x" not in view:
        return (
            "This attack makes feature vectors, not images: it is the bound that attacks on images are measured "
            "against. Here are the base images that it started from."
        )
    return wording.difference_words(figures.amplification(view["base_x"], view["poison_x"]))


def reach(threshold: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Words and plot of what the budget can reach; None where the attack has no target."""
    if threshold is None:
        return None
    plot = _plot("reach", figures.reach_figure(threshold, height=340), "Gradient left at the target, by budget")
    return {"words": wording.reach_words(threshold).replace("**", ""), "plot": plot}


def threat_model(spec: ExperimentSpec) -> list[tuple[str, str]]:
    """What the attacker knows and may do: pairs of a heading and a sentence."""
    constraint = CONSTRAINTS[spec.constraint]
    if spec.constraint == "perturbation":
        constraint += f" Here δ = {round(255 * spec.delta)}/255."
    return [
        ("Knows", "The extractor, the clean training images and the head's λ. Never the test images."),
        (
            "May",
            f"Add {spec.n_poison:,} points to the {spec.train_size:,} clean ones "
            f"(a budget of {100 * spec.budget:g} %). The clean points stay as they are.",
        ),
        (f"Constraint “{spec.constraint}”", constraint),
        (f"Labels “{spec.label_rule}”", LABEL_RULES[spec.label_rule]),
        *([] if spec.evade is None else [_expected(spec.evade)]),
    ]


def _expected(name: str) -> tuple[str, str]:
    words = DEFENCES[name].words if name in DEFENCES else "It comes from a plug-in that is not here."
    return f"Expects the defence “{choices.defence_title(name)}”", f"{words} The poison is made to pass it."


def measurement(result: Mapping[str, Any], spec: ExperimentSpec) -> list[str]:
    """How the accuracies came about."""
    if _is_feature_only(spec):
        poison = "The poisoned feature vectors are added to the training set as they are."
    elif spec.constraint == "none":
        poison = "The poisoned images, whose pixels may be any numbers, are scored as they are, not as 8-bit files."
    else:
        poison = (
            "The poisoned images are rounded to the 8 bits of the exported files, and their features are extracted "
            "anew from those: what the attack believed of them counts for nothing."
        )
    return [
        f"The head is logistic regression with ridge λ = {spec.ridge:g} on frozen features. It is trained to "
        "convergence (gradient norm at most 10⁻⁶, in float64), without poison and with it, so that neither accuracy "
        "is an artefact of the optimiser.",
        poison,
        f"The {result['n_test']:,} test images are looked at once, at the end. The attack has never seen them.",
        "What is lost is what one search with one seed found: a lower bound on the harm that is possible.",
    ]


def settings(spec: ExperimentSpec) -> str:
    """Fine-tuning, transfer and so on, with the meaning; "" where the extractor is gone."""
    try:
        key = choices.setting(spec.data, spec.extractor, spec.train_domain, spec.test_domain)
    except PoisonLabError:
        return ""
    title, meaning = choices.SETTINGS[key]
    return f"{title[:1].upper()}{title[1:]}: {meaning}"


def sources(spec: ExperimentSpec) -> list[dict[str, str]]:
    """Where data and extractor come from: `kind`, `title`, `source` and `licence` each."""
    found = []
    for kind, info, name in (("Data", data_info, spec.data), ("Extractor", extractor_info, spec.extractor)):
        try:
            record: Any = info(name)
        except PoisonLabError:
            found.append({"kind": kind, "title": name, "source": "No longer here", "licence": "unknown"})
            continue
        source = record.source if kind == "Data" else record.paper
        title = record.title
        if kind == "Extractor" and record.method in LEARNT:
            title += f", learnt {LEARNT[record.method]}"
        found.append({"kind": kind, "title": title, "source": source, "licence": record.licence})
    return found


def computed(result: Mapping[str, Any], spec: ExperimentSpec) -> list[tuple[str, str]]:
    """Seed, device, duration and software of the run, and of this report: pairs of a heading and a value."""
    seconds = result["seconds"]
    slowest = sorted((stage for stage in STAGES if stage in seconds), key=lambda stage: -seconds[stage])[:3]
    return [
        ("Seed", str(spec.seed)),
        ("Device", result["device"]),
        ("Took", f"{sum(seconds.values()):.1f} s"),
        ("Of that", ", ".join(f"{STAGES[stage].lower()} {seconds[stage]:.1f} s" for stage in slowest)),
        # Runs of before the versions were kept have none.
        ("Computed by", _versions(result.get("versions", {})) or "versions that were not recorded"),
        ("Report by", _versions(versions())),
    ]


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _accuracy(result: Mapping[str, Any]) -> go.Figure:
    """The bars of the app, as high as the plot of a few classes beside them."""
    scores = {label: result[key] and result[key]["accuracy"] for key, (label, _) in SCORES.items()}
    return figures.accuracy_figure(scores).update_layout(height=300).update_xaxes(tickfont={"size": 12})


def _is_feature_only(spec: ExperimentSpec) -> bool:
    return not describe(spec).makes_images


def _things(spec: ExperimentSpec, count: int) -> str:
    thing = "feature vector" if _is_feature_only(spec) else "image"
    return thing if count == 1 else f"{thing}s"


def _link(content: bytes, mime: str) -> str:
    """Content as an address that needs no network."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def _map(view: Mapping[str, Array], classes: Sequence[str]) -> go.Figure:
    """The map of the app, in which stage 2 waits for a click on the legend."""
    figure = figures.map_figure(view, classes, show_stage2="poison_x" in view)
    for name, has_entry in (("stage 2", True), ("stage 2's aim", False)):
        changed = {"visible": "legendonly", "legendgroup": "stage 2", "showlegend": has_entry}
        figure.update_traces(changed, selector={"name": name})
    return figure.update_layout(height=MAP_HEIGHT)


def _plot(name: str, figure: go.Figure, words: str) -> str:
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
