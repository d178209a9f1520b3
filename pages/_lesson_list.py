"""The list of lessons, with how far the person is in each."""

import streamlit as st

from core.presentation.lessons import Lesson
from pages import _sidebar

INTRODUCTION = (
    "Each step asks for your prediction first, then shows what really happens: an experiment that runs here, in "
    "seconds. Your progress stands in the address of this page: a reload or a copied link keeps it."
)
CARDS_IN_A_ROW = 2


def lesson_card(lesson: Lesson, is_next: bool) -> None:
    """One lesson in the list; the next one to do stands out."""
    progress = st.session_state.progress
    done, total = progress.done.get(lesson.id, 0), len(lesson.steps)
    with st.container(border=True, height="stretch"):
        st.markdown(f"##### {lesson.title}")
        st.markdown(lesson.about)
        with st.container(height="stretch", vertical_alignment="bottom"):
            state = "All steps done" if done == total else f"{done} of {total} steps done"
            st.progress(done / total, text=f"{state} · {lesson.minutes} min")
            st.button(
                "Start" if done == 0 else "Look again" if done == total else "Go on",
                key=f"open-{lesson.id}",
                type="primary" if is_next else "secondary",
                icon=":material/check:" if done == total else ":material/play_arrow:",
                help="Opens the lesson and sets the controls in the sidebar as its step wants them.",
                on_click=_sidebar.open_step,
                args=(lesson.id, 0 if done == total else done),
                width="stretch",
            )


def lesson_list(lessons: tuple[Lesson, ...]) -> None:
    """All lessons, in order, with how far the person is."""
    st.title("Lessons")
    st.markdown(INTRODUCTION)
    done = st.session_state.progress.done
    coming = next((one for one in lessons if done.get(one.id, 0) < len(one.steps)), None)
    for start in range(0, len(lessons), CARDS_IN_A_ROW):
        row = lessons[start : start + CARDS_IN_A_ROW]
        for column, lesson in zip(st.columns(CARDS_IN_A_ROW), row, strict=False):
            with column:
                lesson_card(lesson, is_next=lesson is coming)
