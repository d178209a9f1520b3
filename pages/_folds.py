"""Folds that draw what they hold once they are open: a page does not wait for what nobody looks at."""

from collections.abc import Callable

import streamlit as st


def fold(name: str, label: str, icon: str, draw: Callable[[], object]) -> None:
    """A fold of the page; opening it draws its content alone, not the whole page again.

    Args:
        name: of the fold; its key, and so its state, is `fold-NAME`.
        label: heading.
        icon: in front of it.
        draw: draws the content.
    """
    st.fragment(_fold)(name, label, icon, draw)


def _fold(name: str, label: str, icon: str, draw: Callable[[], object]) -> None:
    place = st.expander(label, icon=icon, key=f"fold-{name}", on_change="rerun")
    if place.open:
        with place:
            draw()
