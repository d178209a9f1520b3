"""What a run shows in five seconds: one sentence, and the accuracy before and after; while it goes, what it reports."""

from typing import TYPE_CHECKING

import streamlit as st

from core.experiments.summary import RunSummary
from core.presentation import captions
from core.presentation.figures.before_after import zoomed_range
from core.presentation.figures.so_far import so_far_figure, so_far_words
from core.serving.engine import current
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.numbers import fixed
from core.system.paths import results
from pages import _cards, _runs
from pages._words import plain

if TYPE_CHECKING:
    from core.serving.status import JobStatus

REFRESH_SECONDS = 1.0
STYLE = """
/* The lab's first screen: a line, a sentence, a line, and three cards that end where the window does. */
.st-key-lab-title h1 { font-size: 1.25rem; padding: 0; white-space: nowrap; }
.st-key-lab-title { gap: 0 1rem; }
.st-key-story p { font-size: clamp(1.15rem, 1.9vw, 1.8rem); line-height: 1.25; }
.st-key-whose { min-height: 2.8rem; }
.st-key-whose-other { background: light-dark(#fff3d6, #3d3013); border-radius: 0.5rem; padding: 0 0.75rem; }
@media (min-width: 1000px) {
  .st-key-lab-images, .st-key-lab-map, .st-key-lab-accuracy {
    height: clamp(27rem, 100vh - 16.25rem, 50rem); flex: none !important; overflow-y: auto;
    --page-map-height: clamp(15rem, 100vh - 28.5rem, 38rem);
  }
}
"""


def sentence(summary: RunSummary, *, makes_images: bool) -> None:
    """What the poison does, by counts of images, in large letters; what its attacker did not know, in small ones."""
    with st.container(key="story"):
        st.markdown(f"**{captions.harm_sentence(summary, makes_images=makes_images)}**")
        if words := captions.knowledge_sentence(summary.spec):
            st.caption(plain(words))


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
    status = None if asked is None else _status(asked)
    return status is not None and not status.finished


def _status(spec: ExperimentSpec) -> "JobStatus | None":
    engine = current()  # the result must not wait for one to start
    job = None if engine is None else engine.job(spec.hash)
    return None if job is None else job.status()


def accuracy_card(run: StoredRun, asked: ExperimentSpec | None) -> None:
    """The accuracy before and after; while the asked run goes, what it reports, in the same place."""
    status = None if asked is None else _status(asked)
    words = None if status is None or status.finished else so_far_words(status.curve)
    if status is None or words is None:
        before_after(run)
        return
    shown, values = words
    st.subheader("The run so far")
    st.caption(f"{shown.title}: **{values}**.")
    st.plotly_chart(
        so_far_figure(status.curve),
        key="so-far",
        config={"displayModeBar": False},
        alt=f"{shown.title} at each step of the run so far: {values}",
    )
    st.caption(shown.meaning)


def how(run: StoredRun) -> None:
    """The accuracies of all heads of the run, and the loss of each class."""
    _cards.numbers(run.summary)
    left, right = st.columns(2)
    with left:
        st.markdown("**Test accuracy of each head**")
        _cards.accuracy_bars(run)
    with right:
        _cards.class_bars(run)
