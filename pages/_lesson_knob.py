"""The controls that a step asks to change, in the step itself: on a phone the sidebar is folded away."""

from typing import Any

import streamlit as st

from core.presentation.lessons import LessonStep
from pages import _sidebar, _sidebar_controls, _state
from pages._controls import Number, Value, Whole

KEYS = {
    "attack": "attack",
    "budget": "budget",
    "constraint": "constraint",
    "label_rule": "labels",
    "train_size": "train",
    "test_size": "test",
    "ridge": "ridge",
    "seed": "seed",
}
"""The control of each field of an experiment that a step may ask to change."""
LABELS = {
    "attack": "Attack",
    "budget": "Budget",
    "constraint": "Constraint",
    "labels": "Poison labels",
    "train": "Training images",
    "test": "Test images",
    "ridge": "Ridge λ",
    "seed": "Seed",
}
FREE = ("attack", "budget")
"""What a step offers that leaves the settings to the person."""
HELP = "The same control as in the sidebar."


def knobs(step: LessonStep, place: str) -> None:
    """Draw the controls of a step; each moves the sidebar's own one.

    Args:
        step: one of a lesson.
        place: of the step, for the keys of the widgets.
    """
    keys = [KEYS[change.field] for change in step.changes if change.field in KEYS]
    if step.is_free and not keys:
        keys = list(FREE)
    for key in dict.fromkeys(keys):
        if key not in st.session_state.locks.hide:
            knob(key, f"knob-{key}-{place}")


def knob(key: str, widget: str) -> None:
    """One control."""
    state = st.session_state
    setting = _state.control(key, state.chosen)
    if setting is None or key not in state.chosen:
        return
    state[widget] = state.chosen[key]
    off = key in state.locks.lock
    common: dict[str, Any] = {"key": widget, "disabled": off, "on_change": turn, "args": (key, widget), "help": HELP}
    if not isinstance(setting, Number):
        words: dict[Value, str] = dict(setting.options.items())
        words.update(_sidebar_controls.SHORT_WORDS.get(key, {}).items())
        st.selectbox(LABELS[key], list(words), format_func=words.__getitem__, **common)
    elif key == "budget":
        state[widget] = float(state.chosen[key])
        st.slider(LABELS[key], setting.low, setting.high, step=0.5, format="%g %%", **common)
    elif isinstance(setting, Whole):
        st.number_input(LABELS[key], setting.low, setting.high, step=1 if key == "seed" else 100, **common)
    else:
        state[widget] = float(state.chosen[key])
        tenth = float(setting.default) / 10
        st.number_input(LABELS[key], float(setting.low), float(setting.high), step=tenth, format="%g", **common)


def turn(key: str, widget: str) -> None:
    """Set the sidebar's control to what the step's own says; for callbacks."""
    value = st.session_state[widget]
    if value is not None:
        _sidebar.choose({**st.session_state.chosen, key: value})
