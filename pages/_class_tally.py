"""What the class predicted, beside one's own prediction in a lesson, once the teacher shows it."""

import streamlit as st

from core.challenge import prediction_words, predictions
from core.system.errors import ChallengeError
from pages import _challenge_board, _class, _runs


def show_tally() -> None:
    """The predictions of the class in the open step; nothing where there is no class, or it may not see them yet."""
    if not _class.kept("code"):
        return
    progress = st.session_state.progress
    try:
        challenge = _class.find(_class.kept("code"))
        name = predictions.key_of(progress.lesson, progress.step)
        if name not in challenge.course().shown:
            st.caption("Your class gets this prediction; your teacher decides when it shows.")
            return
        found = prediction_words.step_named(name, _runs.lessons())
        if found is not None:
            st.caption("What your class predicted")
            _challenge_board.predictions_part(challenge, name, found[1], key="class-tally")
    except ChallengeError as error:
        st.caption(str(error))
