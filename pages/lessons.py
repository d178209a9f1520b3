"""Lessons: read, predict, run, compare; a step is complete once it has been done."""

from functools import partial

import streamlit as st

from core.experiments import cost
from core.presentation.lessons import Lesson, LessonStep
from core.spec.experiment import ExperimentSpec
from core.storage import defended
from core.system.errors import LessonError, StoreError
from core.system.numbers import about
from pages import _class, _progress, _running, _runs, _sidebar
from pages._lesson_defence import chosen_chain, defence_box
from pages._lesson_frame import head, navigation, tasks
from pages._lesson_knob import knobs
from pages._lesson_list import lesson_list
from pages._lesson_play import play_page
from pages._lesson_question import ask, verdict
from pages._lesson_result import result_panel


def run_row(missing: list[ExperimentSpec], obstacle: str, in_flight: bool) -> None:
    """The button that computes what the step needs and, beside it, what pressing it means."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run it",
            key="run-step",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(obstacle) or in_flight or not missing,
            help="Computes the experiment of these settings on this machine.",
            on_click=_running.submit_all,
            args=(missing,),
        )
        if obstacle:
            st.markdown(obstacle, width="stretch")
        elif in_flight:
            st.markdown("Running.", width="stretch")
        elif missing:
            expected = about(sum(map(cost.total, missing)))
            st.markdown(f"Takes **{expected}** on this machine.", width="stretch")
        else:
            st.markdown("Already computed: the result is shown.", width="stretch")


def obstacle_words(step: LessonStep, spec: ExperimentSpec | None, is_hidden: bool) -> str:
    """Why nothing can be run yet; "" where it can."""
    if spec is None:
        return "Choose settings that can be run; see the message above"
    if is_hidden:
        return "Predict first"
    unmet = [change.instruction for change in step.changes if not change.accepts(spec)]
    return f"First {unmet[0]}" if unmet else ""


def step_page(lesson: Lesson, number: int) -> None:
    """One step, whole."""
    state = st.session_state
    step, place = lesson.steps[number], f"{lesson.id}-{number}"
    spec: ExperimentSpec | None = state.spec
    answer = state.progress.answers.get(number)
    is_hidden = step.question is not None and answer is None
    run = None if spec is None else _runs.find(spec.hash)
    wanted = [needed for needed in (spec, step.beside_spec) if needed is not None]
    beside = None if step.beside_spec is None else _runs.find(step.beside_spec.hash)
    is_whole = run is not None and (step.beside_spec is None or beside is not None)
    chain = chosen_chain(step, place)
    defence_verdict = defended.find(run.hash, chain) if run is not None and step.defend else None
    facts = _runs.facts(run, beside, defence_verdict) if run is not None and is_whole else None
    opened = [view for where, view in state.opened if where == place]
    met = step.met(spec, facts, answered=answer is not None, opened=opened)
    if all(met) and state.progress.done.get(lesson.id, 0) <= number:
        _sidebar.set_progress(state.progress.completed())

    obstacle = obstacle_words(step, spec, is_hidden)

    head(lesson, number)
    left, right = st.columns([1, 1.25], gap="large")
    with left:
        st.subheader(step.title)
        st.markdown(step.text)
        if step.question is not None and spec is not None and answer is None:
            with st.container(border=True):
                ask(step.question, spec, f"answer-{place}")
        if spec is not None and not step.is_free and not step.accepts(spec):
            st.warning("These are not the settings of this step.", icon=":material/tune:")
            st.button(
                "Back to the step's settings",
                key="reset",
                icon=":material/undo:",
                help="Sets all controls to the settings of the step.",
                on_click=_sidebar.open_step,
                args=(lesson.id, number),
            )
        if not is_hidden:
            knobs(step, place)
        card = st.container()
        if step.defend:
            first = obstacle or ("" if run is not None else "Run the experiment first")
            with st.container(border=True):
                defence_box(step, run, chain, is_known=defence_verdict is not None, obstacle=first, place=place)
        tasks(step, met)
        navigation(lesson, number)
    with right:
        if step.question is not None and spec is not None and answer is not None:
            is_there = step.accepts(spec) and (defence_verdict is not None or not step.asks_of_defences)
            with st.container(border=True):
                verdict(step.question, answer, facts if is_there else None, spec)
        result_panel(step, run, beside, chain, defence_verdict, hidden=is_hidden, obstacle=obstacle, place=place)
    # Last, because it may wait for the engine in the first seconds of a server.
    missing = [needed for needed in wanted if _runs.find(needed.hash) is None]
    with card:
        _running.show(wanted, partial(run_row, missing, obstacle))


st.session_state.setdefault("opened", set())
try:
    _class.follow_lesson_link()
    here = _progress.open_step(st.session_state.progress, _runs.lessons())
    if here is None:
        lesson_list(_runs.lessons())
    elif here[1].play is not None:
        play_page(here[0], st.session_state.progress.step)
    else:
        step_page(here[0], st.session_state.progress.step)
except LessonError as error:
    st.error(str(error), title="The lessons can't be read", icon=":material/broken_image:")
except StoreError as error:
    st.error(str(error), title="The result of this step can't be shown", icon=":material/broken_image:")
