"""A challenge for the projector: code, time left, and the board, or the predictions that the teacher shows."""

import streamlit as st

from core.challenge import prediction_words, predictions
from core.challenge.board import board_of
from core.challenge.folder import Challenge
from core.challenge.rounds import Course
from core.presentation.lessons import LessonStep
from core.system.errors import PoisonLabError
from pages import _challenge_board, _class, _pick, _projector, _runs, _teach_address


def shown_step(course: Course) -> tuple[str, LessonStep] | None:
    """The step of a lesson whose predictions the teacher has switched on last, and its name; None without one."""
    for name in reversed(course.shown):
        found = prediction_words.step_named(name, _runs.lessons())
        if found is not None:
            return name, found[1]
    return None


def predictions_view(challenge: Challenge, name: str, step: LessonStep) -> None:
    """What the class predicted in a step.

    Args:
        challenge: that the class has joined.
        name: of the step.
        step: of the lesson.
    """
    tally = predictions.tally(challenge, name)
    if step.question is not None:
        st.container(key="projector-question").markdown(step.question.ask)
    bars = prediction_words.bars(tally, step) if tally.count else []
    st.html(_projector.predictions(prediction_words.sentence(tally, step), bars))


@st.fragment(run_every=_challenge_board.REFRESH_SECONDS)
def live(code: str) -> None:
    """Everything that changes."""
    try:
        challenge = _class.find(code)
        course = challenge.course()
    except PoisonLabError as error:
        st.title("Challenge")
        st.error(str(error), icon=":material/link_off:")
        return
    st.html(_projector.STYLE)
    address = _pick.link("challenge", {}, _teach_address.for_others())
    st.html(_projector.top(challenge, _challenge_board.clock(challenge, course), address))
    step = shown_step(course)
    if step is None:
        st.html(_projector.board(board_of(challenge, everything=False), frozen=course.frozen is not None))
    else:
        predictions_view(challenge, *step)


live(st.query_params.get("code", ""))
