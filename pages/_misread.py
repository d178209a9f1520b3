"""The test images that a run's poison makes the head misread, which a worker finds once for all pages."""

import streamlit as st

from core.storage import misread
from core.storage.runs import StoredRun
from pages import _tasks


def look(run: StoredRun) -> str | None:
    """Have a worker find them, once; what went wrong, None while nothing did."""
    return _tasks.run_on(run, _key(run), "core.storage.misread:look")


def _key(run: StoredRun) -> str:
    return f"misread-{run.hash}"


def wait(run: StoredRun) -> None:
    """The progress of the worker, after which the page is drawn again; why there is none."""
    st.fragment(_progress, run_every=_tasks.WAIT_SECONDS)(run)


def _progress(run: StoredRun) -> None:
    if misread.find(run.hash) is not None:
        st.rerun()
    problem = look(run)
    if problem:
        _tasks.show_problem(problem, title="Misread images can't be found", widget="misread-again")
    else:
        _tasks.show_progress(run, _key(run), 1.0, "Comparing the two heads on the test images:")
