"""The list of lessons, with the progress in each."""

import streamlit as st

from core.presentation.lessons import Lesson
from pages import _sidebar

INTRODUCTION = (
    "Each step asks for your prediction, then shows the result of an experiment that runs here, in seconds. Your "
    "progress is stored in the address of this page: a reload or a copied link keeps it."
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
                "Start" if done == 0 else "Review" if done == total else "Continue",
                key=f"open-{lesson.id}",
                type="primary" if is_next else "secondary",
                icon=":material/check:" if done == total else ":material/play_arrow:",
                help="Opens the lesson and sets the sidebar to the settings of its step.",
                on_click=_sidebar.open_step,
                args=(lesson.id, 0 if done == total else done),
                width="stretch",
            )


def lesson_list(lessons: tuple[Lesson, ...]) -> None:
    """All lessons in order, with the progress in each."""
    st.title("Lessons")
    st.markdown(INTRODUCTION)
    done = st.session_state.progress.done
    next_lesson = next((lesson for lesson in lessons if done.get(lesson.id, 0) < len(lesson.steps)), None)
    for start in range(0, len(lessons), CARDS_IN_A_ROW):
        row = lessons[start : start + CARDS_IN_A_ROW]
        for column, lesson in zip(st.columns(CARDS_IN_A_ROW), row, strict=False):
            with column:
                lesson_card(lesson, is_next=lesson is next_lesson)
