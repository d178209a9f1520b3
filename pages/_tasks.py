"""Small pieces of work beside the runs, as pages ask for them: once in a session, until the person tries again."""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core.storage import features
from core.storage.runs import StoredRun
from core.system.errors import PoisonLabError
from core.system.numbers import about, duration
from core.system.paths import results
from pages import _running, _runs

if TYPE_CHECKING:
    from core.serving.job import Job

WAIT_SECONDS = 0.7
"""A part of a page that waits for a worker is drawn again after that."""


def run(key: str, function: str, *arguments: object) -> str | None:
    """Have a worker do something, once.

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


def somebody_waits() -> bool:
    """Whether a person waits for a worker, so that nothing should be asked of it that is not needed yet."""
    try:
        return _running.engine().somebody_waits
    except PoisonLabError:
        return True


def run_on(stored: StoredRun, key: str, function: str, *arguments: object) -> str | None:
    """Have a worker do something about a stored run, once, after what that needs: see `run`.

    Args:
        stored: the run. Where it ships without its features and has no images, it is computed again first: as a run
            among the runs, so that it takes its turn, shows how far it is, and is computed once for all who need it.
        key: the same for the same work.
        function: "module:function" of something that takes the store's folder, the run's hash and these arguments.
        arguments: plain data.
    """
    if _are_at_hand(stored):
        return run(key, function, stored.hash, *arguments)
    tasks = st.session_state.setdefault("tasks", {})
    if stored.hash not in tasks:
        try:
            tasks[stored.hash] = _running.engine().submit(stored.spec, _runs.person(), again=True)
        except PoisonLabError as error:
            return str(error)
    status = tasks[stored.hash].status()
    if not status.finished or _are_at_hand(stored):
        return None
    return status.error or f"The run that computes the features of this one ended without them ({status.state})."


def _are_at_hand(stored: StoredRun) -> bool:
    return features.are_at_hand(_runs.find(stored.hash) or stored)  # it may have been computed again meanwhile


@dataclass(frozen=True)
class Wish:
    """Work that waits for a person to ask for it: a button, then the progress, then what the worker has found.

    The card that shows it is a fragment, which the page draws with a timer while `is_going` and nothing is found. Once
    the button is pressed, and once the result is there, the whole page is drawn, so that the timer starts and ends.

    Attributes:
        name: of the kind of work; the keys of its widgets begin with it.
        function: "module:function" of something that takes the store's folder, the run's hash and the arguments.
        run: that it is about.
        failure: what has failed where it does, as a heading.
        arguments: plain data.
        needs_features: whether the worker takes the features of the run, see `run_on`.
    """

    name: str
    function: str
    run: StoredRun
    failure: str
    arguments: tuple[str | int, ...] = ()
    needs_features: bool = True

    @property
    def key(self) -> str:
        """Of the work."""
        return "-".join(map(str, (self.name, self.run.hash, *self.arguments)))

    @property
    def is_going(self) -> bool:
        """Whether somebody has asked for it in this session."""
        return bool(st.session_state.get(f"{self.name}-asked") == self.key)

    def button(self, label: str, *, icon: str, help: str) -> None:
        """The button that asks for it."""
        key = f"{self.name}-asked"
        st.button(
            label,
            key=f"{self.name}-ask",
            icon=f":material/{icon}:",
            on_click=st.session_state.update,
            args=({key: self.key},),
            help=help,
        )

    def follow(self, words: str, seconds: float) -> None:
        """Where it was asked for, how far it is, or what went wrong.

        Args:
            words: what is being done.
            seconds: that it takes, roughly, where the run has its features.
        """
        if not self.is_going:
            return
        if not st.session_state.get(f"{self.name}-waiting"):
            st.session_state[f"{self.name}-waiting"] = True
            st.rerun()
        if self.needs_features:
            problem = run_on(self.run, self.key, self.function, *self.arguments)
        else:
            problem = run(self.key, self.function, self.run.hash, *self.arguments)
        if problem:
            show_problem(problem, title=self.failure, widget=f"{self.name}-again")
        else:
            show_progress(self.run, self.key, seconds, words)

    def end(self) -> None:
        """Its result is there."""
        if st.session_state.pop(f"{self.name}-waiting", False):
            st.rerun()


def features_words(stored: StoredRun) -> str:
    """How far the run is that computes the features which a run ships without; empty where they are there."""
    job: Job | None = st.session_state.get("tasks", {}).get(stored.hash)
    if job is None or _are_at_hand(stored):
        return ""
    return f"This run ships without its features and is computed again first: {_running.progress_words(job.status())}"


def show_progress(stored: StoredRun, key: str, expected: float, words: str) -> None:
    """A bar for work about a stored run. It reports no steps: the bar nears its end and only the result ends it.

    Args:
        stored: the run.
        key: of the work, as `run_on` got it.
        expected: about how many seconds it takes.
        words: what is being done.
    """
    if before := features_words(stored):
        st.progress(st.session_state["tasks"][stored.hash].status().fraction, text=before)
        return
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
