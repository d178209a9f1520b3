"""One experiment: what poison looks like, where its features land, what it costs in accuracy."""

from functools import partial

import streamlit as st

from core.experiments import cost
from core.presentation.provenance import made_by
from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.errors import SpecError, StoreError
from pages import _cards, _running, _runs, _sidebar, _state
from pages._words import plain

PROBLEM = (
    "A head is trained on features of a frozen, pre-trained extractor. "
    "Someone slips a few poisoned images into its training set: how much accuracy does that cost?"
)


WAYS_ON = (
    ("compare.py", "Compare", "compare", "runs", "This run beside others: what differs, and what came of it."),
    (
        *("stages.py", "Stages", "conversion_path", "run"),
        "How this run came about, stage by stage, and what was lost between them.",
    ),
    ("defend.py", "Defend", "shield", "run", "This run against defences: what they find, and what comes back."),
    ("present.py", "Present", "co_present", "run", "This run in five plain steps, for people who decide."),
)
"""Pages that show a run in other ways: file, label, icon, the key of their link that names the run, and a help."""


def run_row(spec: ExperimentSpec | None, is_stored: bool, in_flight: bool) -> None:
    """The button and, beside it, what pressing it means."""
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
                help="Computes the same settings anew, and says whether anything has changed.",
            )
        else:
            expected = _runs.seconds_words(cost.total(spec))
            st.markdown(f"Computes these settings; takes about **{expected}** on this machine.", width="stretch")


def ways_on(run: StoredRun) -> None:
    """To the pages that show the same run in other ways."""
    for page, label, icon, key, meaning in WAYS_ON:
        st.page_link(page, label=label, icon=f":material/{icon}:", query_params={key: run.hash}, help=meaning)


def pin_toggle(run: StoredRun) -> None:
    """Keeps a run for good; what ships is never deleted and needs none."""
    if run.shipped or not _runs.may_list(run):
        return
    key = f"pin-{run.hash}"
    state[key] = _runs.store().is_pinned(run.hash)  # others may have changed it
    st.toggle(
        "Keep",
        key=key,
        on_change=set_pin,
        args=(run.hash,),
        help="When the disk fills up, results that nobody has opened for long are deleted. This one then stays.",
    )


def set_pin(spec_hash: str) -> None:
    """Pin a run, or let it go again."""
    store = _runs.store()
    try:
        (store.pin if state[f"pin-{spec_hash}"] else store.unpin)(spec_hash)
    except StoreError as error:
        st.toast(str(error), icon=":material/error:")


def result_section(run: StoredRun, is_asked: bool) -> None:
    """A finished run, whole."""
    with st.container(horizontal=True, vertical_alignment="center"):
        whose = "Result of these settings" if is_asked else "Result of other settings"
        maker = made_by(run.summary)
        st.caption(f"{whose}: {_runs.words(run.spec)}" + (f" · {plain(maker)}" if maker else ""), width="stretch")
        pin_toggle(run)
        ways_on(run)
    _cards.numbers(run.summary)
    try:
        plot = _runs.plot(run.hash)
    except StoreError as error:
        st.error(str(error), title="The pictures of this run can't be shown", icon=":material/broken_image:")
        return
    left, middle, right = st.columns([1, 1.35, 1])
    with left.container(border=True, height="stretch"):
        _cards.images_card(run, plot)
    with middle.container(border=True, height="stretch"):
        _cards.map_card(run, plot)
    with right.container(border=True, height="stretch"):
        _cards.accuracy_card(run)
    if run.summary.threshold:
        with st.expander("What the budget can reach", icon=":material/straighten:"):
            _cards.reach_card(run)
    with st.expander("The run, step by step", icon=":material/show_chart:"):
        _cards.curve_card(run)
    with st.expander("Take it with you", icon=":material/download:"):
        _cards.downloads_card(run, plot.makes_images)


def other_settings(run: StoredRun) -> None:
    """Say that the result below is not that of the sidebar, and offer the way back."""
    text, button = st.columns([4, 1.3], vertical_alignment="center")
    text.warning(
        "Below is the last result on show, **not** that of the settings in the sidebar.",
        icon=":material/history:",
    )
    try:
        back = _state.from_spec(run.spec)
    except SpecError:
        return
    button.button(
        "Back to its settings",
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
        other_settings(shown)
    result_section(shown, is_asked=stored is not None)

# The card comes last because it may wait for the engine, in the first seconds of a server.
with card:
    _running.show([asked] if asked else [], partial(run_row, asked, stored is not None))
