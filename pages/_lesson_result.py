"""The result of a step, or why it is not shown yet."""

from typing import Any

import streamlit as st

from core.defences.verdict import DefenceVerdict
from core.presentation.lessons import LessonStep
from core.storage.runs import StoredRun
from pages import _cards, _defences, _images, _runs
from pages._lesson_defence import defence_card

VIEW_WORDS = {
    "accuracy": "Accuracy",
    "defence": "Defence",
    "images": "Images",
    "map": "Map",
    "reach": "Reachability",
    "curve": "Step by step",
}
NUMBERS_IN_A_ROW = 3


def view_card(
    run: StoredRun, step: LessonStep, chain: tuple[Any, ...], verdict: DefenceVerdict | None, place: str
) -> None:
    """The part of the result that the step is about, and any other that the person opens below it."""
    there = {"reach": run.summary.threshold is not None, "defence": bool(step.defend)}
    views = [name for name in VIEW_WORDS if there.get(name, True)]
    focus = step.focus if step.focus in views else "accuracy"
    with st.container(border=True):
        part(focus, run, chain, verdict)
    chosen = st.segmented_control(
        "More of the result",
        [name for name in views if name != focus],
        format_func=VIEW_WORDS.__getitem__,
        key=f"view-{place}",
        help="Opens another part of the result below.",
        on_change=open_view,
        args=(place,),
    )
    if chosen is not None:
        with st.container(border=True):
            part(chosen, run, chain, verdict)


def part(name: str, run: StoredRun, chain: tuple[Any, ...], verdict: DefenceVerdict | None) -> None:
    """One of `VIEW_WORDS`."""
    match name:
        case "defence":
            defence_card(run, chain, verdict)
        case "images":
            _images.images_card(run, _runs.plot(run.hash))
        case "map":
            _cards.map_card(run, _runs.plot(run.hash))
        case "reach":
            _cards.reach_card(run)
        case "curve":
            _cards.curve_card(run)
        case _:
            _cards.accuracy_card(run)


def open_view(place: str) -> None:
    """Note which part of the result was opened in a step."""
    if st.session_state[f"view-{place}"] is not None:
        st.session_state.opened.add((place, st.session_state[f"view-{place}"]))


def result_panel(
    step: LessonStep,
    run: StoredRun | None,
    beside: StoredRun | None,
    chain: tuple[Any, ...],
    verdict: DefenceVerdict | None,
    *,
    hidden: bool,
    obstacle: str,
    place: str,
) -> None:
    """The result, or why none is shown."""
    if hidden:
        with st.container(border=True):
            st.markdown("**The result is hidden until you predict**")
            with st.container(horizontal=True):
                for label in ("Clean", "Poisoned", "Drop"):
                    st.metric(label, "?", help="Shown once you have predicted.", border=True, width="stretch")
            st.caption(f"The experiment: {_runs.words(step.spec)}")
            if step.beside_spec is not None:
                st.caption(f"Compared with: {_runs.words(step.beside_spec)}")
            if step.defend:
                st.caption(f"The defence: {_defences.words(chain)}")
        return
    if run is None or (step.beside_spec is not None and beside is None):
        first = f"{obstacle}, then press “Run it”" if obstacle else "Press “Run it”"
        st.info(f"{first}: the result is shown here.", icon=":material/science:")
        return
    st.caption(f"The run: {_runs.words(run.spec)}")
    _cards.numbers(run.summary, in_a_row=NUMBERS_IN_A_ROW)
    if beside is not None:
        st.caption(f"Compared with: {_runs.words(beside.spec)}")
        _cards.numbers(beside.summary, in_a_row=NUMBERS_IN_A_ROW)
    view_card(run, step, chain, verdict, place)
