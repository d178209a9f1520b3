"""One experiment: the poisoned images, the shift of their features, the loss of test accuracy."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.catalog.differences import differences
from core.experiments import cost
from core.experiments.plot_data import PlotData
from core.presentation.provenance import made_by
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.errors import SpecError, StoreError
from core.system.numbers import about
from pages import (
    _budget_marks,
    _cards,
    _folds,
    _going,
    _image_reach,
    _images,
    _running,
    _runs,
    _sidebar,
    _state,
    _story,
    _tasks,
)
from pages._run_labels import field_words
from pages._words import plain

PROBLEM = (
    "How much test accuracy do a few poisoned images cost, in the training set of a linear head on a frozen extractor?"
)


PAGE_LINKS = (
    ("compare.py", "Compare", "compare", "runs", "Compare this run with others: settings and results."),
    (
        *("stages.py", "Stages", "conversion_path", "run"),
        "The stages of this attack, and the accuracy lost between them.",
    ),
    (
        "defend.py",
        "Defend",
        "shield",
        "run",
        "Apply defences to this run: what they remove, and how much accuracy they recover.",
    ),
    ("present.py", "Present", "co_present", "run", "This run in five steps, for decision makers."),
)
"""Pages that show a run in other ways: file, label, icon, the key of their link that names the run, and a help."""


def run_row(spec: ExperimentSpec | None, is_stored: bool, in_flight: bool) -> DeltaGenerator:
    """The Run button, and what it does with these settings; the row of the button, which takes others."""
    row = st.container(horizontal=True)
    with row:
        st.button(
            "Run",
            key="run",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=spec is None or is_stored or in_flight,
            on_click=_running.submit,
            args=(spec,),
        )
        if spec is not None and is_stored and not in_flight:
            st.button(
                "Run again",
                key="again",
                icon=":material/refresh:",
                on_click=partial(_running.submit, spec, again=True),
                help="Recomputes the same settings and reports whether the result has changed.",
            )
    if spec is None:
        st.caption("These settings can't be run; see the message beside.")
    elif is_stored and not in_flight:
        st.caption("Already computed: the result is beside.")
    elif not in_flight:
        st.caption(f"Computes these settings; takes **{about(cost.total(spec))}** on this machine.")
    return row


def page_links(run: StoredRun) -> None:
    """Links to the pages that show the same run in other ways."""
    for page, label, icon, key, meaning in PAGE_LINKS:
        st.page_link(page, label=label, icon=f":material/{icon}:", query_params={key: run.hash}, help=meaning)


def pin_toggle(run: StoredRun) -> None:
    """Pins a run, so that it is never deleted; shipped runs never are, and need no pin."""
    if run.shipped or not _runs.may_list(run):
        return
    key = f"pin-{run.hash}"
    state[key] = _runs.store().is_pinned(run.hash)  # others may have changed it
    st.toggle(
        "Pin",
        key=key,
        on_change=set_pin,
        args=(run.hash,),
        help="When the disk is full, results that nobody has opened for a long time are deleted. A pinned result is "
        "not.",
    )


def set_pin(spec_hash: str) -> None:
    """Pin a run, or let it go again."""
    store = _runs.store()
    try:
        (store.pin if state[f"pin-{spec_hash}"] else store.unpin)(spec_hash)
    except StoreError as error:
        st.toast(str(error), icon=":material/error:")


def _plot(run: StoredRun) -> tuple[PlotData | None, str]:
    """What the figures of a run show; if that can't be read, why."""
    try:
        return _runs.plot(run.hash), ""
    except StoreError as error:
        return None, str(error)


def whose_row(run: StoredRun, asked: ExperimentSpec | None, is_asked: bool) -> None:
    """Whose result this is; if not of the sidebar's settings, what differs and a way to them. As high in both cases.

    Args:
        run: that is on show.
        asked: the settings of the sidebar; None where they can't be run.
        is_asked: whether the run is theirs.
    """
    maker = f" · {plain(made_by(run.summary))}" if made_by(run.summary) else ""
    with st.container(horizontal=True, vertical_alignment="center", key="whose"):
        if is_asked:
            st.caption(f"Result of these settings: {_runs.words(run.spec)}{maker}", width="stretch")
            return
        with st.container(key="whose-other", horizontal=True, vertical_alignment="center"):
            words = _runs.words(run.spec) if asked is None else _differing(run.spec, asked)
            st.caption(f":material/history: **Result of other settings**, shown last: {words}{maker}", width="stretch")
            _back_button(run)


def _differing(shown: ExperimentSpec, asked: ExperimentSpec) -> str:
    """What a result has other than what is asked for."""
    fields = [(name, value) for name, (value, _) in differences([shown, asked]) if value is not None]
    return plain(" · ".join(field_words(name, value) for name, value in fields)) or _runs.words(shown)


def _back_button(run: StoredRun) -> None:
    try:
        back = _state.from_spec(run.spec)
    except SpecError:
        return
    st.button(
        "Load its settings",
        key="back",
        icon=":material/undo:",
        type="tertiary",
        on_click=_sidebar.choose,
        args=(back,),
        help=f"Sets the sidebar to the settings of this result: {_runs.words(run.spec)}",
    )


def image_reach(run: StoredRun) -> None:
    """What images can do at all, asked again and again while a worker measures it."""
    waiting = _image_reach.is_waiting(run)
    st.fragment(_image_reach.card, run_every=_tasks.WAIT_SECONDS if waiting else None)(run)


def finished_screen(run: StoredRun, plot: PlotData, asked: ExperimentSpec | None, is_asked: bool) -> None:
    """What stands above the folds while nothing goes.

    Args:
        run: that is on show.
        plot: its arrays.
        asked: the settings of the sidebar; None where they can't be run.
        is_asked: whether the run is theirs.
    """
    _story.sentence(run.summary, makes_images=plot.makes_images)
    whose_row(run, asked, is_asked)
    left, middle, right = _story.card_places()
    with left:
        _images.images_card(run, plot)
    with middle:
        _cards.map_card(run, plot, is_narrow=True)
    with right:
        _story.before_after(run)


def result_section(run: StoredRun, asked: ExperimentSpec | None, is_asked: bool) -> None:
    """The whole result of a finished run, what the poison does first.

    Args:
        run: that is on show.
        asked: the settings of the sidebar; None where they can't be run.
        is_asked: whether the run is theirs.
    """
    plot, problem = _plot(run)
    if plot is None:
        whose_row(run, asked, is_asked)
        _cards.numbers(run.summary)
        st.error(problem, title="The figures of this run can't be shown", icon=":material/broken_image:")
        return
    job = None if asked is None else _story.job_of(asked)
    seconds = None if job is None else _running.refresh_seconds([job.status()])
    if asked is not None and seconds is not None:
        st.fragment(_going.screen, run_every=seconds)(run, plot, asked)
    else:
        with st.container():  # as a fragment is one, so that the components stay when a run begins and ends
            finished_screen(run, plot, asked, is_asked)
    with st.container(horizontal=True, vertical_alignment="center"):
        page_links(run)
        pin_toggle(run)
    _folds.fold(
        "how",
        "How: the accuracy of each head, and of each class",
        ":material/conversion_path:",
        lambda: _story.how(run),
    )
    if run.summary.threshold:
        _folds.fold("reach", "Reachability of the target", ":material/straighten:", lambda: _cards.reach_card(run))
    if _image_reach.applies(run):
        _folds.fold(
            "image-reach",
            "What images can do at all",
            ":material/photo_size_select_small:",
            lambda: image_reach(run),
        )
    if run.summary.remarks:
        _folds.fold(
            "remarks",
            "Assumed of the data and the extractor",
            ":material/info:",
            lambda: _cards.remarks_list(run.summary.remarks),
        )
    _folds.fold("curves", "Optimisation curves", ":material/show_chart:", lambda: _cards.curve_card(run))
    _folds.fold("export", "Export", ":material/download:", lambda: _cards.downloads_card(run, plot.makes_images))


state = st.session_state
state.setdefault("shown", "")

with st.container(key="lab-title", horizontal=True, vertical_alignment="center"):
    st.title("Poison Lab", width="content")
    st.caption(PROBLEM, width="stretch")

asked: ExperimentSpec | None = state.spec
stored = None if asked is None else _runs.find(asked.hash)
if stored is not None:
    state.shown = stored.hash
shown = stored or _runs.find(state.shown) or _runs.default_run()

if shown is None:
    st.info(
        "No experiment has been run here yet. Choose settings in the sidebar and press Run.",
        icon=":material/science:",
    )
else:
    result_section(shown, asked, is_asked=stored is not None)

# The button comes last because it may wait for the engine, in the first seconds of a server.
with state.run_row:
    _running.show([asked] if asked else [], partial(run_row, asked, stored is not None))
if asked is not None and stored is not None:
    _budget_marks.compute_ahead(asked)
