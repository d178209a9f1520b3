"""A link to the playground for a class: the state that the teacher has there, and what is locked in it."""

import streamlit as st

from pages import _pick, _plane, _playground
from pages._playground import LOCKABLE, View
from pages._teach_locks import locks_choice


def playground_link(address: str) -> str:
    """Ask what is locked; the link, at the address of the server that students reach."""
    locks = locks_choice(
        LOCKABLE,
        lockable_words,
        key="link-play",
        locked_help="Shown beside the plane, but disabled.",
        hidden_help="Not shown; their values come from the link.",
    )
    st.caption("The link has the data, the rules and the poison that you have on the playground now.")
    view: View = st.session_state.get("playground", View())
    points = _plane.find_plane(view.data)
    query = _playground.to_query(view, locks, len(points.classes), len(points.train_y))
    return _pick.link("playground", query, address)


def lockable_words(key: str) -> str:
    """The label of a control."""
    return LOCKABLE[key]
