"""The defences of a step: chosen or given, applied by a worker, and their result."""

from typing import Any

import streamlit as st

from core.defences.verdict import DefenceVerdict
from core.presentation.lessons import LessonStep
from core.storage import defended
from core.storage.runs import StoredRun
from pages import _defences, _tasks


def chosen_chain(step: LessonStep, place: str) -> tuple[Any, ...]:
    """The defences of a step: its own, or those that the person has chosen, which begin with its own."""
    if not step.chooses:
        return step.chain
    state = st.session_state
    names = state.setdefault(f"with-{place}", [defence.name for defence in step.chain])
    return _defences.chain_of(names, state.setdefault(f"share-{place}", _defences.share_of(step.chain)))


def defence_box(
    step: LessonStep, run: StoredRun | None, chain: tuple[Any, ...], *, is_known: bool, obstacle: str, place: str
) -> None:
    """Which defences go over the run, and the button that has a worker apply them.

    Args:
        is_known: whether the result is stored already.
        obstacle: why they can't be applied yet; "" where they can.
    """
    if step.chooses:
        _defences.pills(widget=f"with-{place}")
        _defences.slider(widget=f"share-{place}")
    else:
        st.markdown(f"**The defence**: {_defences.words(chain)}")
    _defences.about([defence.name for defence in chain])
    is_waiting = run is not None and not is_known and is_asked(run, chain)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Apply it",
            key="apply",
            type="primary",
            icon=":material/shield:",
            disabled=bool(obstacle) or is_known or is_waiting,
            help="Filters the training set with the defence, and trains the head on what is left.",
            on_click=apply,
            args=(run, chain),
        )
        if obstacle:
            st.markdown(obstacle, width="stretch")
        elif is_known:
            st.markdown("Already applied: the result is shown.", width="stretch")
    if is_waiting and run is not None:
        st.fragment(applying, run_every=_tasks.WAIT_SECONDS)(run, chain)


def apply(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """Note that the person has asked for these defences; for callbacks."""
    st.session_state.applying = defended.key(run.hash, chain)


def is_asked(run: StoredRun, chain: tuple[Any, ...]) -> bool:
    """Whether the person has asked for these defences last."""
    return bool(st.session_state.get("applying") == defended.key(run.hash, chain))


def applying(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """What the worker is doing; redrawn until it has applied the defences."""
    if defended.find(run.hash, chain) is not None:
        st.rerun()
    problem = _defences.evaluate(run, chain)
    if problem:
        _defences.show_problem(problem, widget="apply-again")
    else:
        _defences.show_wait(run, defended.key(run.hash, chain))


def defence_card(run: StoredRun, chain: tuple[Any, ...], verdict: DefenceVerdict | None) -> None:
    """The result of the defences."""
    if verdict is None:
        first = "Being applied" if is_asked(run, chain) else "Press “Apply it”"
        st.info(f"{first}: the result of the defence is shown here.", icon=":material/shield:")
        return
    _defences.verdict_card(verdict, run.summary.classes)
    st.page_link(
        "defend.py",
        label="Detected and missed images",
        icon=":material/shield:",
        query_params=_defences.query(run, chain),
        help="Opens this run with this defence on the page Defend.",
    )
