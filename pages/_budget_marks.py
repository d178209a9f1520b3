"""The budgets at which the sidebar's experiment is computed: one press, and its result is on show."""

import streamlit as st

from core.catalog.budgets import at_marks, nearest_first
from core.spec.experiment import ExperimentSpec
from core.system.errors import PoisonLabError, SpecError
from core.system.numbers import digits
from core.system.settings import runs_ahead
from pages import _running, _runs, _state
from pages._state import Values

WIDGET = "budget-marks"


def row(chosen: Values, widget: str) -> None:
    """Draw a button for each marked budget whose result is there, where there are several to choose from.

    Args:
        chosen: the settings of the sidebar.
        widget: key of the budget's own widget, which a press sets.
    """
    if "budget" in st.session_state.locks.all:
        return
    try:
        spec = _state.to_spec(chosen)
    except SpecError:
        return
    store = _runs.store()
    computed = [round(100 * budget, 6) for budget, other in at_marks(spec).items() if other.hash in store]
    if len(computed) < 2:
        return
    now = float(chosen["budget"])
    st.session_state[WIDGET] = next((budget for budget in computed if abs(budget - now) < 1e-9), None)
    st.pills(
        "Computed budgets, %",
        computed,
        format_func=digits,
        key=WIDGET,
        on_change=_press,
        args=(widget, now),
        help="At these budgets, with all other settings as they are, the result is there already. While nobody waits, "
        "the server computes others that are near, unless it is told not to.",
    )


def _press(widget: str, now: float) -> None:
    pressed = st.session_state[WIDGET]
    st.session_state[widget] = now if pressed is None else pressed


def compute_ahead(spec: ExperimentSpec) -> None:
    """Let the server compute the marked budgets beside what is on show while nobody waits."""
    try:
        if runs_ahead() == 0:
            return
        _running.engine().ahead.wish(nearest_first(spec, _runs.store().__contains__))
    except PoisonLabError:
        return  # the card of the run says what is wrong with the engine
