"""A challenge: a class attacks or defends against each other, judged on test images that nobody sees."""

import streamlit as st

from core.challenge.folder import Challenge
from core.challenge.people import person_of
from core.system.errors import PoisonLabError
from pages import _challenge_student, _challenge_teacher, _class

INTRODUCTION = (
    "A teacher opens a challenge and shows its code; the class takes part under names of their choice, without "
    "accounts. Attackers hand in an attack or poison of their own, defenders a chain of defences. The lab enforces the "
    "rules and judges on hidden test images."
)


def leave() -> None:
    """Forget the challenge; for callbacks."""
    _class.keep(code="", me="", teacher="")


def inside(challenge: Challenge) -> None:
    """The page of a challenge, for whoever this is in it."""
    person = person_of(challenge, _class.kept("me"))
    if challenge.is_teacher(_class.kept("teacher"), _challenge_teacher.login()):
        _challenge_teacher.teacher_page(challenge)
    elif person is not None:
        _challenge_student.student_page(challenge, person)
    else:
        _challenge_student.join_form(challenge)
    st.button("Leave", key="leave-challenge", icon=":material/logout:", on_click=leave, help="Your links stay valid.")


st.title("Challenge")
try:
    _class.read_link()
    if _class.kept("code"):
        inside(_class.find(_class.kept("code")))
    else:
        st.markdown(INTRODUCTION)
        left, right = st.columns(2, gap="large")
        with left:
            _challenge_student.join_form(None)
        with right:
            _challenge_teacher.open_form()
except PoisonLabError as error:
    st.error(str(error), title="This challenge can't be shown", icon=":material/link_off:")
    st.button("Leave", key="leave-broken", icon=":material/logout:", on_click=leave)
