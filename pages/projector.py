"""A challenge for the projector: code, time left, the board, and the predictions that the teacher shows."""

import streamlit as st

from core.challenge import prediction_words
from core.challenge.board import board_of
from core.system.errors import PoisonLabError
from pages import _challenge_board, _class, _runs
from pages._words import plain


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
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.title(plain(challenge.rules.title))
    left.markdown(f"### {_challenge_board.clock(challenge, course)}")
    with right:
        _challenge_board.code_line(challenge)
    if course.frozen is not None:
        st.info("The board is frozen: what is handed in from now on shows at the reveal.", icon=":material/ac_unit:")
    for name in course.shown:
        found = prediction_words.step_named(name, _runs.lessons())
        if found is not None:
            with st.container(border=True):
                _challenge_board.predictions_part(challenge, name, found[1], key=f"projector-{name}")
    _challenge_board.board_part(board_of(challenge, everything=False), key="projector", top=_challenge_board.TOP)


live(st.query_params.get("code", ""))
