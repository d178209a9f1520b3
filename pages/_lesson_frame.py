"""The frame of a lesson's step: title, place and ways out above it, its tasks and the way on below it."""

from functools import partial

import streamlit as st

from core.presentation.lessons import Lesson, LessonStep
from pages import _sidebar

DEPTH_WORDS = {"overview": "Overview", "detail": "Detail", "formula": "Formula"}


def close() -> None:
    """Back to the list."""
    st.session_state.progress = st.session_state.progress.opened("")


def restart() -> None:
    """Forget the predictions and the progress of the open lesson."""
    progress = st.session_state.progress.restarted()
    st.session_state.progress = progress
    _sidebar.open_step(progress.lesson, 0)


def head(lesson: Lesson, number: int) -> None:
    """Title, place in the lesson, and the ways out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All lessons", key="close", icon=":material/arrow_back:", on_click=close, help="Progress is kept.")
        st.button(
            "Start over",
            key="restart",
            icon=":material/restart_alt:",
            on_click=restart,
            help="Deletes your predictions and progress in this lesson.",
        )
    st.title(lesson.title)
    depth = lesson.steps[number].depth
    depths = dict.fromkeys(step.depth for step in lesson.steps)
    path = " → ".join(f"**{DEPTH_WORDS[name]}**" if name == depth else DEPTH_WORDS[name] for name in depths)
    st.progress((number + 1) / len(lesson.steps), text=f"Step {number + 1} of {len(lesson.steps)} · {path}")


def tasks(step: LessonStep, met: tuple[bool, ...]) -> None:
    """What completes the step, with what is done already."""
    icons = {True: ":material/check_circle:", False: ":material/radio_button_unchecked:"}
    st.markdown("  \n".join(f"{icons[ok]} {condition.task}" for condition, ok in zip(step.done, met, strict=True)))


def navigation(lesson: Lesson, number: int) -> None:
    """To the step before and, once this one is complete, to the next."""
    is_done = st.session_state.progress.done.get(lesson.id, 0) > number
    is_last = number + 1 == len(lesson.steps)
    with st.container(horizontal=True, key="lesson-way"):  # on a phone it stays at the bottom of the screen
        if number:
            st.button(
                "Back",
                key="previous",
                icon=":material/arrow_back:",
                help="The step before.",
                on_click=_sidebar.open_step,
                args=(lesson.id, number - 1),
            )
        st.button(
            "Finish" if is_last else "Next step",
            key="next",
            type="primary" if is_done else "secondary",
            icon=":material/done_all:" if is_last else ":material/arrow_forward:",
            disabled=not is_done,
            help="Available once all tasks above are done.",
            on_click=close if is_last else partial(_sidebar.open_step, lesson.id, number + 1),
        )
