"""One experiment: the poisoned images, the shift of their features, the loss of test accuracy."""

from functools import partial

import streamlit as st

from core.experiments import cost
from core.experiments.plot_data import PlotData
from core.presentation import captions
from core.presentation.provenance import made_by
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.errors import SpecError, StoreError
from core.system.numbers import about
from pages import _budget_marks, _cards, _image_reach, _images, _running, _runs, _sidebar, _state
from pages._words import plain

PROBLEM = (
    "A linear head is trained on features of a frozen, pretrained extractor. "
    "An attacker adds a few poisoned images to its training set: how much test accuracy does that cost?"
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


def run_row(spec: ExperimentSpec | None, is_stored: bool, in_flight: bool) -> None:
    """The Run button, and what it does with these settings."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run",
            key="run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or is_stored or in_flight,
            on_click=_running.submit,
            args=(spec,),
        )
        if spec is None:
            st.markdown("These settings can't be run; see the message above.", width="stretch")
        elif in_flight:
            st.markdown("Running with the settings of the sidebar.", width="stretch")
        elif is_stored:
            st.markdown("Already computed: the result of these settings is below.", width="stretch")
            st.button(
                "Run again",
                key="again",
                icon=":material/refresh:",
                on_click=partial(_running.submit, spec, again=True),
                help="Recomputes the same settings and reports whether the result has changed.",
            )
        else:
            expected = about(cost.total(spec))
            st.markdown(f"Computes these settings; takes **{expected}** on this machine.", width="stretch")


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


def result_section(run: StoredRun, is_asked: bool) -> None:
    """The whole result of a finished run, what the poison does first."""
    plot, problem = _plot(run)
    if plot is not None:
        st.markdown(f"**{captions.harm_sentence(run.summary, makes_images=plot.makes_images)}**")
    with st.container(horizontal=True, vertical_alignment="center"):
        whose = "Result of these settings" if is_asked else "Result of other settings"
        maker = made_by(run.summary)
        st.caption(f"{whose}: {_runs.words(run.spec)}" + (f" · {plain(maker)}" if maker else ""), width="stretch")
        pin_toggle(run)
        page_links(run)
    _cards.numbers(run.summary)
    if plot is None:
        st.error(problem, title="The figures of this run can't be shown", icon=":material/broken_image:")
        return
    left, middle, right = st.columns([1, 1.35, 1])
    with left.container(border=True, height="stretch"):
        _images.images_card(run, plot)
    with middle.container(border=True, height="stretch"):
        _cards.map_card(run, plot)
    with right.container(border=True, height="stretch"):
        _cards.accuracy_card(run)
    if run.summary.threshold:
        with st.expander("Reachability of the target", icon=":material/straighten:"):
            _cards.reach_card(run)
    if _image_reach.applies(run):
        with st.expander("What images can do at all", icon=":material/photo_size_select_small:"):
            is_waiting = _image_reach.is_waiting(run)
            st.fragment(_image_reach.card, run_every=_image_reach.WAIT_SECONDS if is_waiting else None)(run)
    if run.summary.remarks:
        with st.expander("Assumed of the data and the extractor", icon=":material/info:"):
            _cards.remarks_list(run.summary.remarks)
    with st.expander("Optimisation curves", icon=":material/show_chart:"):
        _cards.curve_card(run)
    with st.expander("Export", icon=":material/download:"):
        _cards.downloads_card(run, plot.makes_images)


def settings_warning(run: StoredRun) -> None:
    """Warn that the result below does not belong to the sidebar's settings, and offer to load those that it has."""
    text, button = st.columns([4, 1.3], vertical_alignment="center")
    text.warning(
        "This is the result shown last, **not** that of the settings in the sidebar.",
        icon=":material/history:",
    )
    try:
        back = _state.from_spec(run.spec)
    except SpecError:
        return
    button.button(
        "Load its settings",
        key="back",
        icon=":material/undo:",
        on_click=_sidebar.choose,
        args=(back,),
        width="stretch",
    )


state = st.session_state
state.setdefault("shown", "")

st.title("Poison Lab")
st.markdown(PROBLEM)

asked: ExperimentSpec | None = state.spec
stored = None if asked is None else _runs.find(asked.hash)
if stored is not None:
    state.shown = stored.hash
shown = stored or _runs.find(state.shown) or _runs.default_run()

card = st.container()
if shown is None:
    st.info(
        "No experiment has been run here yet. Choose settings in the sidebar and press Run.",
        icon=":material/science:",
    )
else:
    if stored is None:
        settings_warning(shown)
    result_section(shown, is_asked=stored is not None)

# The card comes last because it may wait for the engine, in the first seconds of a server.
with card:
    _running.show([asked] if asked else [], partial(run_row, asked, stored is not None))
if asked is not None and stored is not None:
    _budget_marks.compute_ahead(asked)
