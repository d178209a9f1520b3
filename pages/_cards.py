"""The cards that show a finished run, shared by the lab and the lessons."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.experiments.plot_data import PlotData
from core.experiments.summary import SCORES, RunSummary
from core.presentation import captions, export
from core.presentation.figures import curve_meanings
from core.presentation.report import report
from core.spec.events import STAGES
from core.storage.runs import StoredRun
from core.system.numbers import counted, fixed, named, percent
from core.system.paths import results
from pages import _map, _own, _runs
from pages._own import Switch
from pages._words import plain

IMAGE_WIDTH = 84
STAGE2 = "Show the feature targets of stage 2"


def numbers(summary: RunSummary, *, in_a_row: int = 5) -> None:
    """The big numbers: the accuracies that the run has, and the drop.

    Args:
        summary: of the run.
        in_a_row: as many fit side by side; more are shared out among rows of about the same length.
    """
    accuracies = summary.accuracies()
    shown = [(label, percent(accuracies[key]), help) for key, (label, help) in SCORES.items() if key in accuracies]
    lost = "Clean minus poisoned test accuracy: the damage of the attack."
    shown.append(("Drop", f"{fixed(summary.drop())} points", lost))
    rows = -(-len(shown) // in_a_row)
    length = -(-len(shown) // rows)
    for start in range(0, len(shown), length):
        with st.container(horizontal=True):
            for label, value, help in shown[start : start + length]:
                st.metric(label, value, help=help, border=True, width="stretch")
    if words := captions.uneven_caption(summary):
        st.caption(plain(words))


def side_by_side(images: Sequence[bytes], captions: Sequence[str] | None, alts: Sequence[str]) -> None:
    """Small images in rows, with room between them.

    Args:
        captions: names, for which Markdown means nothing.
        alts: what the images show, in words.
    """
    with st.container(horizontal=True, gap="small"):
        for i, (image, alt) in enumerate(zip(images, alts, strict=True)):
            st.image(image, width=IMAGE_WIDTH, caption=None if captions is None else plain(captions[i]), alt=alt)


def has_stage2(plot: PlotData) -> bool:
    """Whether the map can show feature targets beside the poison, which else is the result of stage 2 itself."""
    return plot.stage2_xy is not None and plot.makes_images


@st.fragment
def map_card(run: StoredRun, plot: PlotData, *, is_narrow: bool = False) -> None:
    """Where clean and poisoned features lie.

    Args:
        run: whose features.
        plot: its arrays.
        is_narrow: whether there is no room for the words on how to read it, which a button then opens.
    """
    st.subheader("Map of features")
    show_stage2 = _own.ask("targets", Switch(False) if has_stage2(plot) else None) or False
    if has_stage2(plot):
        st.toggle(
            STAGE2,
            key=_own.widget("targets"),
            help="Crosses are the features that the images are optimised towards, diamonds the features that they "
            "reach.",
        )
    _map.show(
        _runs.scene(str(results()), run.hash, show_stage2),
        key="map",
        images_of=run.hash,
        alt=captions.map_words(plot, run.summary.classes),
    )
    words = captions.map_caption(plot, "in a ring of their label's colour")
    if is_narrow:
        with st.popover("How to read the map", icon=":material/info:", type="tertiary", key="map-words"):
            st.markdown(words)
    else:
        st.caption(words)
    _own.write()


def accuracy_card(run: StoredRun) -> None:
    """Test accuracy lost, over all classes and in each."""
    accuracy_heading(run.summary)
    accuracy_bars(run)
    class_bars(run)


def accuracy_heading(summary: RunSummary) -> None:
    """What the accuracies of a run are of, and what the poison costs."""
    st.subheader("Accuracy")
    n_test, n_poison = summary.n_test, summary.n_poison
    poison = f"{counted(n_poison, 'poisoned sample')} {named(n_poison, 'costs', 'cost')}"
    st.caption(f"On {counted(n_test, 'test image')}; {poison} {fixed(summary.drop())} points.")


def accuracy_bars(run: StoredRun) -> None:
    """Test accuracy of each head of a run, from 0 to 100 %."""
    st.plotly_chart(
        _runs.figure(str(results()), run.hash, "accuracy"),
        key="accuracy",
        config={"displayModeBar": False},
        alt=captions.accuracy_words(run.summary),
    )


def class_bars(run: StoredRun) -> None:
    """Points lost in each class."""
    st.markdown("**Points lost per class**")
    st.plotly_chart(
        _runs.figure(str(results()), run.hash, "per-class"),
        key="per-class",
        config={"displayModeBar": False},
        alt=captions.class_words(run.summary),
    )


def reach_card(run: StoredRun) -> None:
    """Whether the budget can reach the run's target."""
    threshold = run.summary.threshold
    if threshold is None:
        return
    st.markdown(captions.reach_caption(threshold))
    st.plotly_chart(
        _runs.figure(str(results()), run.hash, "reach"),
        key="reach",
        config={"displayModeBar": False},
        alt="Smallest residual gradient at the target by budget, and that of this run",
    )
    st.caption(
        "Training ends at the target head only if the gradients of clean and poisoned data cancel there. The "
        "shaded area is out of reach for any poisoned samples, whatever their features; above it, an attack may or "
        "may not succeed."
    )


def curve_card(run: StoredRun) -> None:
    """What the attack reported at each step, and the duration of each stage."""
    if run.summary.curve:
        st.plotly_chart(
            _runs.figure(str(results()), run.hash, "curve"),
            key="curve",
            config={"displayModeBar": False},
            alt="What the attack reported at each step of the run",
        )
        st.markdown(curve_meanings(run.summary.curve))
    else:
        st.caption("This attack has no steps.")
    seconds = run.summary.seconds
    timing = ", ".join(f"{words} {fixed(seconds[stage])} s" for stage, words in STAGES.items() if stage in seconds)
    st.caption(f"Computed on {run.summary.device}. {timing}.")


def remarks_list(remarks: Sequence[str]) -> None:
    """What was assumed of data or an extractor, a line each."""
    st.markdown("\n".join(f"- {plain(remark)}" for remark in remarks))


@st.fragment
def downloads_card(run: StoredRun, makes_images: bool) -> None:
    """Downloads of this run's results and settings; each file is made when its button is pressed."""
    name = f"poison-lab-{run.hash}"

    def save(label: str, suffix: str, mime: str, make: Callable[[StoredRun], bytes], help: str) -> None:
        st.download_button(
            label,
            partial(_runs.exported, run.hash, make),
            f"{name}{suffix}",
            mime,
            on_click="ignore",
            icon=":material/download:",
            help=help,
        )

    st.caption("Report: a single HTML file with plots, images, method and sources, which can be read offline.")
    with st.container(horizontal=True):
        save(
            "Report (HTML)",
            "-report.html",
            "text/html",
            lambda run: report(run).encode(),
            "The whole run as a document.",
        )
    st.caption("Data: all numbers, and one row for each poisoned sample.")
    with st.container(horizontal=True):
        save("Results (JSON)", "-result.json", "application/json", lambda run: run.file("result.json"), "Every number.")
        save(
            "Table (CSV)",
            "-points.csv",
            "text/csv",
            partial(export.table_file, suffix=".csv"),
            "One row for each poisoned sample, for spreadsheets.",
        )
        save(
            "Table (Parquet)",
            "-points.parquet",
            "application/vnd.apache.parquet",
            partial(export.table_file, suffix=".parquet"),
            "The same table with exact types, for programs.",
        )
        save(
            "Poisoned samples (NPZ)",
            "-poison.npz",
            "application/zip",
            lambda run: run.file("poison.npz"),
            "NumPy arrays.",
        )
        if makes_images:
            words = "The poisoned images as 8-bit files, with their labels."
            save("Poisoned images (PNG, ZIP)", "-poison.zip", "application/zip", export.images_zip, words)
    st.caption(
        "Citation, and the settings to reproduce this run: as a file (`python -m core run --spec`) or as a command "
        "line."
    )
    with st.container(horizontal=True):
        save(
            "Citation (BibTeX)",
            ".bib",
            "text/plain",
            lambda run: export.bibtex(run.spec).encode(),
            "The paper, and this experiment.",
        )
        save(
            "Settings (JSON)",
            "-spec.json",
            "application/json",
            lambda run: export.spec_json(run.spec).encode(),
            "Everything needed to reproduce this experiment.",
        )
    st.code(export.command(run.spec), language="bash", wrap_lines=True)
