"""What slides show beside the run itself, and a worker finds: misread images, and what each defence does."""

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


def lacking(run: StoredRun) -> int:
    """How many pieces are not known yet."""
    return (misread.find(run.hash) is None) + len(DEFENCES) - len(verdicts(run))


def watch(run: StoredRun, step: int) -> None:
    """Have a worker find what is lacking; a bar only on the slides that show it, so that others are left in peace.

    A run without features or images is computed again for it, which is done only for these slides.
    """
    if features.are_near(run) or step >= MISREAD_STEP:
        st.session_state["present-lacking"] = lacking(run)
        st.fragment(work, run_every=_tasks.WAIT_SECONDS)(run, step)


def work(run: StoredRun, step: int) -> None:
    """Ask for what is lacking, and draw the page again once there is more to show."""
    left = lacking(run)
    if left == 0 or (left < st.session_state["present-lacking"] and step >= MISREAD_STEP):
        st.rerun()
    problems = {_misread.look(run)} - {None}
    if not problems:
        for name in DEFENCES:
            chain = _defences.chain_of([name], SHARE)
            if defended.find(run.hash, chain) is None:
                problems |= {_defences.evaluate(run, chain)} - {None}
    if step < MISREAD_STEP:
        return
    if problems:
        text = " ".join(sorted(str(problem) for problem in problems))
        _tasks.show_problem(text, title="Defences can't be tried here", widget="present-again")
    else:
        total = len(DEFENCES) + 1
        words = f"Filters are being tried: {total - left} of {total}. {_tasks.features_words(run)}"
        st.progress((total - left) / total, text=words)
