"""Small pieces of work beside the runs, as pages ask for them: once in a session, until the person tries again."""

import math
import time

import streamlit as st

from core.system.errors import PoisonLabError
from core.system.numbers import about, duration
from core.system.paths import results
from pages import _running


def run(key: str, function: str, *arguments: object) -> str | None:
    """Have a worker do something about a stored run, once.

    Args:
        key: the same for the same work.
        function: "module:function" of something that takes the store's folder and these arguments.
        arguments: plain data.

    Returns:
        What went wrong, for a person to read; None while nothing did.
    """
    tasks = st.session_state.setdefault("tasks", {})
    if key not in tasks:
        try:
            tasks[key] = _running.engine().run_task(key, function, str(results()), *arguments)
        except PoisonLabError as error:
            return str(error)
    problem: str | None = tasks[key].error
    return problem


def show_progress(key: str, expected: float, words: str) -> None:
    """A bar for work that reports no steps: it nears its end and only the result ends it.

    Args:
        key: of the work, as `run` got it.
        expected: about how many seconds it takes.
        words: what is being done.
    """
    since = st.session_state.setdefault("tasks-since", {}).setdefault(key, time.monotonic())
    seconds = time.monotonic() - since
    elapsed = f"{duration(seconds)} of {about(max(1.0, expected))}"
    st.progress(1.0 - math.exp(-2.0 * seconds / max(1.0, expected)), text=f"{words} {elapsed}.")


def show_problem(problem: str, *, title: str, widget: str) -> None:
    """What went wrong, and a way on."""
    st.error(problem, title=title, icon=":material/error:")
    st.button("Try again", key=widget, icon=":material/refresh:", on_click=forget)


def forget() -> None:
    """Forget all tasks, so that pages request them again; the engine repeats those that failed. For callbacks."""
    st.session_state["tasks"], st.session_state["tasks-since"] = {}, {}
