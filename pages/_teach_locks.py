"""What a link for a class locks: the choice that links to the lab, to lessons and to the playground have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import streamlit as st

from pages import _address, _knowledge
from pages._state import LOCKS, Locks, parameter_keys

FREE, LOCKED, HIDDEN = "Free", "Locked", "Hidden"
GROUPS = {
    "Data and extractor": ("data", "from", "to", "extractor", "px", "side"),
    "Attack": ("attack", *parameter_keys(), "evade"),
    "Budget and rules": ("budget", "constraint", "delta", "labels"),
    "Sizes and seed": ("train", "test", "ridge", "seed"),
    "What the attacker knows": _knowledge.KEYS,
}
"""Every control of the sidebar, in the groups in which a class is likely to need them."""


def has_locks() -> bool:
    """Whether the page was opened by a link that locks controls, as students have it."""
    locks: Locks = st.session_state.get("locks", Locks())
    query = st.query_params.to_dict()
    return bool(locks.all) or any({**_address.carried(query), **query}.get(key) for key in LOCKS)


def group_locks(groups: Mapping[str, Sequence[str]], words: Callable[[str], str], *, key: str) -> Locks:
    """Ask for whole groups of controls whether they are free, locked or hidden.

    Args:
        groups: the keys of the controls in each, by its name.
        words: the label of a key.
        key: beginning of the widgets' keys.
    """
    lock: list[str] = []
    hide: list[str] = []
    row = st.container(horizontal=True)  # wraps, so that no choice is cut off
    for name, members in groups.items():
        chosen = row.segmented_control(
            name,
            [FREE, LOCKED, HIDDEN],
            default=FREE,
            required=True,
            key=f"{key}-group-{name}",
            help=f"{', '.join(map(words, members))}.",
            width="content",
        )
        {FREE: [], LOCKED: lock, HIDDEN: hide}[str(chosen)].extend(members)
    return Locks(tuple(lock), tuple(hide))


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


def joined(first: Locks, second: Locks) -> Locks:
    """Everything that either locks or hides."""
    hide = tuple(dict.fromkeys((*first.hide, *second.hide)))
    return Locks(tuple(name for name in dict.fromkeys((*first.lock, *second.lock)) if name not in hide), hide)
