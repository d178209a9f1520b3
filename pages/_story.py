"""What a run shows in five seconds: one sentence, and the accuracy before and after."""

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments.summary import RunSummary
from core.presentation import captions
from core.presentation.figures.before_after import zoomed_range
from core.serving.engine import current
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.numbers import fixed
from core.system.paths import results
from pages import _cards, _runs
from pages._words import plain

if TYPE_CHECKING:
    from core.serving.job import Job

STYLE = """
/* The lab's first screen: a line, a sentence, a line, and three cards that end where the window does. */
.st-key-lab-title h1 { font-size: 1.25rem; padding: 0; white-space: nowrap; }
.st-key-lab-title { gap: 0 1rem; }
.st-key-story p { font-size: clamp(1.15rem, 1.9vw, 1.8rem); line-height: 1.25; }
.st-key-whose { min-height: 2.8rem; }
.st-key-whose-other { background: light-dark(#fff3d6, #3d3013); border-radius: 0.5rem; padding: 0 0.75rem; }
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
        alt=f"Test accuracy without and with the poison: a drop of {fixed(summary.drop())} points",
    )
    st.caption(captions.before_after_caption(summary, *zoomed_range(summary)))


def is_going(asked: ExperimentSpec | None) -> bool:
    """Whether a run of these settings is queued or running; starts no engine."""
    job = None if asked is None else job_of(asked)
    return job is not None and not job.status().finished


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
