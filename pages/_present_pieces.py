"""What slides show beside the run itself, and a worker finds: misread images, and what each defence does."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.defences.registry import RECORDS as DEFENCES
from core.defences.verdict import DefenceVerdict
from core.storage import defended, features, misread
from core.storage.runs import StoredRun
from pages import _defences, _misread, _tasks

SHARE = 5
"""What each defence may remove, in percent."""
MISREAD_STEP, DEFENCE_STEP = 4, 5


def verdicts(run: StoredRun) -> dict[str, DefenceVerdict]:
    """What is known of each defence on its own, by its name."""
    found = {name: defended.find(run.hash, _defences.chain_of([name], SHARE)) for name in DEFENCES}
    return {name: verdict for name, verdict in found.items() if verdict is not None}


def lacking(run: StoredRun) -> list[Callable[[], str | None]]:
    """What asks a worker for each piece that is not known yet; each returns what went wrong, see `_tasks.run`."""
    asks: list[Callable[[], str | None]] = []
    if misread.find(run.hash) is None:
        asks.append(partial(_misread.look, run))
    for name in DEFENCES:
        chain = _defences.chain_of([name], SHARE)
        if defended.find(run.hash, chain) is None:
            asks.append(partial(_defences.evaluate, run, chain))
    return asks


def watch(run: StoredRun, step: int) -> None:
    """Have a worker find what is lacking; a bar only on the slides that show it, so that others are left in peace.

    A run without features or images is computed again for it, which is done only for these slides.
    """
    if features.are_at_hand(run) or step >= MISREAD_STEP:
        st.session_state["present-lacking"] = len(lacking(run))
        st.fragment(work, run_every=_tasks.WAIT_SECONDS)(run, step)


def work(run: StoredRun, step: int) -> None:
    """Ask for what is lacking, and draw the page again once there is more to show.

    Slides that do not show it yet ask for one piece at a time, while nobody waits: all of it keeps a worker for ten
    seconds, ahead of all runs.
    """
    asks = lacking(run)
    left = len(asks)
    if left == 0 or (left < st.session_state["present-lacking"] and step >= MISREAD_STEP):
        st.rerun()
    if step < MISREAD_STEP:
        if not _tasks.somebody_waits():
            for ask in asks:
                if ask() is None:  # else it has failed, and the next is asked for
                    break
        return
    problems = {ask() for ask in asks} - {None}
    if problems:
        text = " ".join(sorted(str(problem) for problem in problems))
        _tasks.show_problem(text, title="Defences can't be tried here", widget="present-again")
    else:
        total = len(DEFENCES) + 1
        words = f"Filters are being tried: {total - left} of {total}. {_tasks.features_words(run)}"
        st.progress((total - left) / total, text=words)
