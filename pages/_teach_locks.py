"""What a link for a class locks: the choice that links to the lab, to lessons and to the playground have in common."""

from collections.abc import Callable, Iterable

import streamlit as st

from pages._state import Locks


def locks_choice(
    controls: Iterable[str], words: Callable[[str], str], *, key: str, locked_help: str, hidden_help: str
) -> Locks:
    """Ask which controls are locked and which are hidden; hidden ones need no lock.

    Args:
        controls: their keys in links.
        words: the label of a key.
        key: beginning of the widgets' keys.
        locked_help, hidden_help: what becomes of the controls.
    """
    left, right = st.columns(2)  # a row of its own, so that on a phone the order stays
    options = list(controls)
    lock = left.multiselect("Locked controls", options, format_func=words, key=f"{key}-lock", help=locked_help)
    hide = right.multiselect("Hidden controls", options, format_func=words, key=f"{key}-hide", help=hidden_help)
    return Locks(tuple(name for name in lock if name not in hide), tuple(hide))
