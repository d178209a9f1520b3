"""Runs while they go, shared by the lab and the lessons: starting, watching, cancelling."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.presentation import figures
from core.spec.events import QUEUED, STAGES, WAITING
from core.spec.experiment import ExperimentSpec
from core.storage.gallery import changes
from core.system.errors import PoisonLabError
from core.system.numbers import about, duration
from pages import _runs

if TYPE_CHECKING:
    from core.serving.engine import Engine
    from core.serving.job import Job
    from core.serving.status import JobStatus

REFRESH_SECONDS = 1.0
QUEUE_SECONDS = 3.0
"""Of runs that are not the next: a class that waits would else keep the server busy with looking."""

NO_WORKER = "no worker is available yet"
BEHIND_TASKS = "a worker has to end other work first"
"""Why nobody knows how long runs take."""


def engine() -> "Engine":
    """The engine; imported here because dask takes a second that the first page should not wait for."""
    from core.serving.engine import get_engine

    return get_engine()


def submit(spec: ExperimentSpec, *, again: bool = False) -> None:
    """Start a run, or join the one that somebody else has started.

    Args:
        again: although it is stored; reports what has changed when it is finished.
    """
    state = st.session_state
    stored = _runs.find(spec.hash) if again else None
    if stored is not None:
        state.setdefault("before_again", {})[spec.hash] = stored.summary
    try:
        job = engine().submit(spec, _runs.person(), again=again)
    except PoisonLabError as error:
        state.submit_error = str(error)
        say_above("The run did not start", str(error))
        return
    state.submit_error = ""
    state.left.discard(job.id)
    if job.id not in state.watched:
        state.watched.append(job.id)


def say_above(title: str, words: str) -> None:
    """Say above the page, too, what went wrong: on a phone the drawer, which says it, is closed."""
    st.toast(f"**{title}.** {words}", icon=":material/error:", duration="long")


def submit_all(specs: Iterable[ExperimentSpec]) -> None:
    """Start several runs."""
    for spec in specs:
        submit(spec)


def cancel(job: "Job") -> None:
    """Stop a run, or leave it to the others who wait for it."""
    if not job.cancel(_runs.person()) and not job.status().finished:  # it may have ended since the page was drawn
        dismiss(job.id)
        st.session_state.left.add(job.id)
        st.toast("The run continues: someone else is waiting for it, too.", icon=":material/group:")


def dismiss(job_id: str) -> None:
    """Take a run off this page, be it there or not: a button can be pressed twice."""
    st.session_state.watched = [watched for watched in st.session_state.watched if watched != job_id]


def watched_jobs(specs: Iterable[ExperimentSpec]) -> "list[Job]":
    """The runs that this session follows: its own, and those of the wanted settings that anybody started."""
    state = st.session_state
    for spec in specs:
        if spec.hash not in state.left and spec.hash not in state.watched:
            job = engine().job(spec.hash)
            if job is not None and not job.status().finished:
                state.watched.append(spec.hash)
    jobs = {job_id: engine().job(job_id) for job_id in state.watched}
    state.watched = [job_id for job_id, job in jobs.items() if job is not None]
    return [job for job in jobs.values() if job is not None]


def show(wanted: list[ExperimentSpec], row: Callable[[bool], DeltaGenerator | None]) -> None:
    """A row with a button to run, and below it every run that this session follows.

    Args:
        wanted: what the page shows once it is finished.
        row: draws the row; its argument says whether any of these is queued or running. Where it gives a container
            for buttons, the place is narrow: the runs are drawn without frames and curves.
    """
    state = st.session_state
    state.setdefault("watched", [])
    state.setdefault("left", set())
    state.setdefault("submit_error", "")
    with engine_errors_shown():
        state.polling = refresh_seconds(job.status() for job in watched_jobs(wanted))
        st.fragment(_card, run_every=state.polling)(wanted, row)


def refresh_seconds(statuses: "Iterable[JobStatus]") -> float | None:
    """The time after which a page looks at runs again; None where all have finished."""
    going = [status for status in statuses if not status.finished]
    if not going:
        return None
    return QUEUE_SECONDS if all(status.state == "queued" and status.place > 1 for status in going) else REFRESH_SECONDS


@contextmanager
def engine_errors_shown() -> Iterator[None]:
    """Show an error of the engine as a message on the page."""
    try:
        yield
    except PoisonLabError as error:
        st.error(str(error), title="Nothing can be computed at the moment", icon=":material/power_off:")


@engine_errors_shown()  # by itself, too: its timer runs it without the page
def _card(wanted: list[ExperimentSpec], row: Callable[[bool], DeltaGenerator | None]) -> None:
    state = st.session_state
    jobs = watched_jobs(wanted)
    statuses = {job.id: job.status() for job in jobs}
    finished = [job.id for job in jobs if statuses[job.id].state == "done"]
    if finished:
        state.shown = finished[-1]
        for job_id in finished:
            compare_again(job_id)
        state.watched = [job_id for job_id in state.watched if job_id not in finished]
        st.rerun()
    if state.polling != refresh_seconds(statuses.values()):
        st.rerun()  # the page draws this card with the timer
    hashes = [spec.hash for spec in wanted]
    buttons = row(any(name in statuses and not statuses[name].finished for name in hashes))
    if state.submit_error:
        st.error(state.submit_error, title="The run did not start", icon=":material/error:")
    again_words()
    if any(name not in statuses and engine().was_interrupted(name) for name in hashes):
        st.warning(
            "The server stopped during this run and nothing was stored: press **Run** to start it again.",
            icon=":material/power_off:",
        )
    for job in jobs:
        if buttons is not None and job.id in hashes and not statuses[job.id].finished:
            progress_place(job, statuses[job.id], buttons)
        else:
            job_box(job, statuses[job.id], is_asked=job.id in hashes, shows_curve=buttons is None)


def compare_again(spec_hash: str) -> None:
    """Note how the result of a repeated run differs from the one stored before."""
    before, run = st.session_state.get("before_again", {}).pop(spec_hash, None), _runs.find(spec_hash)
    if before is None or run is None:
        return
    change = changes(before, run.summary)
    same = change == "same"
    words = "the result is the same to the last digit" if same else change
    st.session_state.compared_words = f"Recomputed: {words}."


def again_words() -> None:
    """How the result of the last repeated run differs, until it is dismissed."""
    words = st.session_state.get("compared_words")
    if words:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f":material/refresh: {words}", width="stretch")
            st.button("Dismiss", key="dismiss-again", on_click=st.session_state.pop, args=("compared_words", None))


def progress_place(job: "Job", status: "JobStatus", buttons: DeltaGenerator) -> None:
    """The progress of a run where words stood before, and its button to cancel beside the one to run.

    Args:
        job: the run.
        status: of the run.
        buttons: the row of buttons.
    """
    cancel_button(job, buttons)
    st.progress(status.fraction, text=progress_words(status))
    people_words(job)


def cancel_button(job: "Job", place: DeltaGenerator) -> None:
    """The button that stops a run."""
    place.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop:", on_click=cancel, args=(job,))


def people_words(job: "Job") -> None:
    """How many wait for a run, where there are several."""
    if len(job.people) > 1:
        st.caption(f"{len(job.people)} people are waiting for this run.")


def job_box(job: "Job", status: "JobStatus", *, is_asked: bool, shows_curve: bool) -> None:
    """One run: its progress, or how it ended.

    Args:
        job: the run.
        status: of the run.
        is_asked: whether its settings are those of the page.
        shows_curve: whether there is room for what it has reported so far.
    """
    with st.container(border=True, key=f"job-{job.id}"):
        if not is_asked:
            st.caption(f"Not the settings of the sidebar: {_runs.words(job.spec)}")
        if status.finished:
            if status.state == "failed":
                st.error(status.error or "", title="The run failed", icon=":material/error:")
                said = st.session_state.setdefault("said-failures", set())
                if job.run_id not in said:
                    said.add(job.run_id)
                    say_above("The run failed", status.error or "")
            else:
                after = f" after {duration(status.elapsed)}" if status.elapsed else ""
                st.info(f"The run was cancelled{after}; nothing was stored.", icon=":material/cancel:")
            st.button("Dismiss", key=f"dismiss-{job.id}", on_click=dismiss, args=(job.id,))
            return
        st.progress(status.fraction, text=progress_words(status))
        row = st.container(horizontal=True, vertical_alignment="center")
        cancel_button(job, row)
        with row:
            people_words(job)
        if status.curve and shows_curve:
            st.plotly_chart(
                figures.curve_figure(status.curve),
                key=f"live-{job.id}",
                config={"displayModeBar": False},
                alt="The run so far, step by step",
            )


def progress_words(status: "JobStatus") -> str:
    """Stage, step and time left in one line."""
    left = "" if status.seconds_left is None else f" · {about(status.seconds_left)} left"
    if status.lacks_workers:
        return f"{WAITING}: {NO_WORKER}"
    if status.behind_tasks:
        return f"{QUEUED}, position {status.place}: {BEHIND_TASKS}"
    if status.state == "queued":
        return f"{QUEUED}, position {status.place}{left}"
    stage = STAGES.get(status.stage, "Starting")
    step = f", step {status.done:,} of {status.total:,}" if status.total > 1 else ""
    return f"{stage}{step}{left}"
