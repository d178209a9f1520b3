"""Small pieces of work beside the runs, as pages ask for them: once in a session, until the person tries again."""

import streamlit as st

from core.system.errors import PoisonLabError
from core.system.paths import results
from pages import _running


def ask(key: str, work: str, *args: object) -> str | None:
    """Have a worker do something about a stored run, once; what went wrong, if anything did.

    Args:
        key: the same for the same work.
        work: "module:function" of something that takes the store's folder and these arguments.
    """
    errands = st.session_state.setdefault("errands", {})
    if key not in errands:
        try:
            errands[key] = _running.engine().ask(key, work, str(results()), *args)
        except PoisonLabError as error:
            return str(error)
    problem: str | None = errands[key].error
    return problem


def trouble(problem: str, *, title: str, widget: str) -> None:
    """What went wrong, and a way on."""
    st.error(problem, title=title, icon=":material/error:")
    st.button("Try again", key=widget, icon=":material/refresh:", on_click=forget)


def forget() -> None:
    """Ask for everything anew, of which the engine does again what has failed; for callbacks."""
    st.session_state["errands"] = {}
