"""Select boxes for finished runs, and links to the pages that show them."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import streamlit as st

from core.spec.experiment import ExperimentSpec
from core.storage.runs import StoredRun
from core.system.errors import PoisonLabError
from pages import _run_labels, _runs, _sidebar, _state
from pages._words import plain


def requested_run(default: Callable[[], StoredRun | None]) -> StoredRun:
    """The run that the link names by `run`, else the default; without any, show what to do and stop the page.

    What a callback has left in `st.session_state.turn` goes into the link first: what it writes there itself does not
    reach the browser.
    """
    st.query_params.update(st.session_state.pop("turn", {}))
    wanted = st.query_params.get("run")
    requested = None if wanted is None else _runs.find(wanted)
    shown = requested or default()
    if wanted is not None and requested is None:
        st.warning(
            f"The run `{plain(wanted[:40])}` is not stored here; another one is shown.", icon=":material/link_off:"
        )
    if shown is None:
        st.info("No experiment has been run here yet. Run one in the lab, then come back.", icon=":material/science:")
        st.page_link("lab.py", label="Open the lab", icon=":material/science:")
        st.stop()
    return shown


def run_box(label: str, run: StoredRun, *, widget: str, on_change: Callable[[], None]) -> None:
    """Another run to choose; `run` is the one shown."""
    words = _run_labels.labels(_runs.listed({run.hash}))
    st.session_state[widget] = run.hash
    st.selectbox(
        label,
        list(words),
        format_func=words.__getitem__,
        key=widget,
        on_change=on_change,
        help="Type to search: attack, budget, data, extractor, seed. The newest run comes first.",
    )


def open_button(spec: ExperimentSpec, *, widget: str, label: str = "Open in the lab") -> None:
    """A button that takes an experiment's settings to the lab, which shows its result."""
    try:
        values = _state.from_spec(spec)
    except PoisonLabError as error:
        st.button(label, key=widget, icon=":material/science:", disabled=True, help=str(error))
        return
    help_ = "Opens the lab with the settings of this run."
    if st.button(label, key=widget, icon=":material/science:", on_click=_sidebar.choose, args=(values,), help=help_):
        st.switch_page("lab.py", query_params=_state.to_query(values))


@st.fragment
def link_popover(path: str, query: Mapping[str, str], *, widget: str) -> None:
    """A link to copy; one to the page itself also has what the page asks for by `_own` at the moment it is opened.

    Args:
        path: of the page.
        query: what is always in the link.
        widget: the popover's own key.
    """
    here = dict(st.session_state.own) if path == st.session_state.page else {}
    words = "A link to this view, to copy and share."
    with st.popover("Link", icon=":material/link:", key=widget, help=words, on_change="rerun"):
        st.code(
            link(path, dict(query) | {key: text for key, text in here.items() if key not in query}),
            language=None,
            wrap_lines=True,
        )


def lab_query(spec: ExperimentSpec) -> dict[str, str] | None:
    """The lab's link to an experiment; None where its sidebar can't express it."""
    try:
        return _state.to_query(_state.from_spec(spec))
    except PoisonLabError:
        return None


def link(path: str, query: Mapping[str, str], address: str = "") -> str:
    """An address on this server.

    Args:
        path: of the page.
        query: of the link.
        address: of the server as others reach it; "" for as this browser knows it.
    """
    base = address or (st.context.url or "").rstrip("/").rpartition("/")[0]
    return f"{base}/{path}" + (f"?{urlencode(query, safe=',')}" if query else "")


def is_dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"
