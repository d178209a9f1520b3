"""Where every page says that a run of this browser is going, and leads back to it; it moves nothing on the page."""

from typing import TYPE_CHECKING

import streamlit as st

from core.serving.engine import current
from core.spec.experiment import ExperimentSpec
from pages import _pick, _running, _runs, _scripts

if TYPE_CHECKING:
    from core.serving.job import Job

REFRESH_SECONDS = 2.0
PLACE = "run-place"
STYLE = (
    f".st-key-{PLACE} {{position: fixed; right: 1rem; bottom: 1rem; width: min(24rem, calc(100vw - 2rem)); z-index: 90;"
    " pointer-events: none}"
    f".st-key-{PLACE} > * {{pointer-events: auto}}"
    f".st-key-{PLACE}-box {{background: var(--st-background-color, Canvas); box-shadow: 0 2px 12px rgba(0,0,0,.25)}}"
)
"""The place is above the page, at its corner, and takes no room of it."""


def show(asked: ExperimentSpec | None) -> None:
    """Draw the place; it is empty where nothing is going.

    Args:
        asked: what the page itself shows, with its progress; None where it shows no run.
    """
    with st.container(key=PLACE):
        _scripts.show()
        is_going = bool(going(asked))
        st.fragment(box, run_every=REFRESH_SECONDS if is_going else None)(asked, is_going)


def going(asked: ExperimentSpec | None) -> "list[Job]":
    """The unfinished runs that this browser has asked for, but for those that the page itself shows."""
    engine = current()  # a page must not wait for one to start
    if engine is None:
        return []
    own = set() if asked is None else {asked.hash, *st.session_state.get("watched", [])}
    me = _runs.person()
    return [job for job in engine.jobs() if me in job.people and not job.finished and job.id not in own]


def box(asked: ExperimentSpec | None, was_going: bool) -> None:
    """The newest run: what it is, how far it is, and the way back."""
    jobs = going(asked)
    if bool(jobs) != was_going:
        st.rerun()  # the page draws this with a timer while something is going, else without
    if not jobs:
        return
    job = jobs[0]
    status = job.status()
    with st.container(border=True, key=f"{PLACE}-box"):
        more = f" · {len(jobs) - 1} more" if len(jobs) > 1 else ""
        st.progress(status.fraction, text=f"**A run is going**{more}: {_running.progress_words(status)}")
        query = _pick.lab_query(job.spec)
        if query:
            st.page_link(
                "lab.py",
                label="Back to the run",
                icon=":material/science:",
                query_params=query,
                help=_runs.words(job.spec),
            )
