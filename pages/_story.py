"""What a run shows in five seconds: one sentence, and the accuracy before and after."""

import math
from html import escape
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments.summary import RunSummary
from core.presentation import captions
from core.presentation.figures.before_after import zoomed_range
from core.presentation.figures.palette import CLEAN, POISONED
from core.serving.engine import current
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.numbers import fixed
from core.system.paths import results
from pages import _cards, _runs
from pages._words import plain

if TYPE_CHECKING:
    from core.serving.job import Job

MOST_CLASSES = 10
"""So many have room below the accuracy in a tall window."""
STYLE = """
/* The lab's first screen: a line, a sentence, a line, and three cards that end where the window does. */
.st-key-lab-title h1 { font-size: 1.25rem; padding: 0; white-space: nowrap; }
.st-key-lab-title { gap: 0 1rem; }
.st-key-story p { font-size: clamp(1.15rem, 1.9vw, 1.8rem); line-height: 1.25; }
.st-key-whose { min-height: 2.8rem; }
.st-key-whose-other { background: light-dark(#fff3d6, #3d3013); border-radius: 0.5rem; padding: 0 0.75rem; }
.lab-classes { display: none; width: 100%; border-collapse: collapse; font-size: 0.85rem; }
.lab-classes caption { text-align: left; padding-bottom: 0.4rem; font-weight: 600; }
.lab-classes th { font-weight: 400; text-align: left; padding: 0.1rem 0.5rem 0.1rem 0; width: 1%; white-space: nowrap; }
.lab-classes td:last-child { text-align: right; width: 3rem; font-variant-numeric: tabular-nums; }
.lab-classes i { display: block; height: 0.75rem; border-radius: 2px; }
@media (min-width: 1000px) and (min-height: 960px) { .lab-classes { display: table; } }
@media (min-width: 1000px) {
  .st-key-whose-other { flex-wrap: nowrap; }
  .st-key-lab-images, .st-key-lab-map, .st-key-lab-accuracy {
    height: clamp(27rem, 100vh - 16.25rem, 50rem); flex: none !important; overflow-y: auto;
    --page-map-height: clamp(15rem, 100vh - 28.5rem, 38rem);
  }
}
"""


def sentence(summary: RunSummary, *, makes_images: bool) -> None:
    """What the poison does, by counts of images, in large letters; what its attacker did not know, in small ones."""
    headline(captions.harm_sentence(summary, makes_images=makes_images), summary.spec)


def headline(words: str, spec: ExperimentSpec) -> None:
    """The first thing that is read, with what the attacker of the experiment does not know."""
    with st.container(key="story"):
        st.markdown(f"**{words}**")
        if unknown := captions.knowledge_sentence(spec):
            st.caption(plain(unknown))


def card_places() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """The places of images, map and accuracy."""
    left, middle, right = st.columns([1, 1.35, 1], gap="small")
    return (
        left.container(border=True, key="lab-images"),
        middle.container(border=True, key="lab-map"),
        right.container(border=True, key="lab-accuracy"),
    )


def before_after(run: StoredRun) -> None:
    """Test accuracy without and with the poison, on a zoomed axis."""
    summary = run.summary
    _cards.accuracy_heading(summary)
    st.plotly_chart(
        _runs.figure(str(results()), run.hash, "before-after"),
        key="before-after",
        config={"displayModeBar": False},
        alt=captions.before_after_words(summary),
    )
    st.caption(captions.before_after_caption(summary, *zoomed_range(summary)))
    st.html(_class_table(summary))


def _class_table(summary: RunSummary) -> str:
    """The points lost in the classes that change most, as HTML; shown where the window is tall, see `STYLE`."""
    lost = summary.class_drops()
    known = [i for i in range(len(lost)) if not math.isnan(lost[i])]
    most = sorted(sorted(known, key=lambda i: -abs(lost[i]))[:MOST_CLASSES], key=lambda i: -lost[i])
    longest = max((abs(lost[i]) for i in most), default=0.0) or 1.0
    rows = (
        f'<tr><th scope="row">{escape(summary.classes[i])}</th><td>{_bar(lost[i], longest)}</td>'
        f"<td>{fixed(lost[i])}</td></tr>"
        for i in most
    )
    some = "" if len(most) == len(known) else f", the {len(most)} of {len(known)} that change most"
    return f'<table class="lab-classes"><caption>Points lost per class{some}</caption>{"".join(rows)}</table>'


def _bar(lost: float, longest: float) -> str:
    color = POISONED if lost > 0 else CLEAN
    return f'<i style="width: {round(100 * abs(lost) / longest)}%; background: {color}"></i>'


def job_of(spec: ExperimentSpec) -> "Job | None":
    """The latest job of these settings; starts no engine."""
    engine = current()  # the result must not wait for one to start
    return None if engine is None else engine.job(spec.hash)


def how(run: StoredRun) -> None:
    """The accuracies of all heads of the run, and the loss of each class."""
    _cards.numbers(run.summary)
    left, right = st.columns(2)
    with left:
        st.markdown("**Test accuracy of each head**")
        _cards.accuracy_bars(run)
    with right:
        _cards.class_bars(run)
