"""Data-sanitisation defences on a finished run: what they detect and miss, and the accuracy that they recover."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.defences.registry import RECORDS as DEFENCES
from core.defences.verdict import DefenceVerdict
from core.experiments.plot_data import PlotData
from core.presentation import captions, figures
from core.storage import defended
from core.storage.runs import StoredRun
from core.system.errors import StoreError
from core.system.paths import results
from pages import _cards, _certificates, _defences, _defend_each, _defend_figures, _map, _pick, _runs, _words
from pages._defences import SHARES, WAIT_SECONDS
from pages._defend_figures import GROUPS

PER_PAGE = 24
DEFAULT = {"with": "sphere", "share": "5"}
INTRODUCTION = (
    "Data-sanitisation defences filter the training set before the head is trained, without knowing which images are "
    "poisoned. Select defences to see which poisoned images they detect and miss, which clean images they remove, and "
    "how much test accuracy they recover."
)
GROUP_WORDS = {
    "detected": "Poisoned images that the defences remove (true positives).",
    "missed": "Poisoned images that stay in the training set (false negatives).",
    "wrong": "Clean images that the defences remove (false positives).",
}


def read_link() -> None:
    """Set the controls from the link, unless this page wrote it itself."""
    state = st.session_state
    asked = {key: st.query_params.get(key, value) for key, value in DEFAULT.items()}
    if state.get("defend-link") == asked and "defend-with" in state:  # Streamlit forgets it on the way to other pages
        return
    names = [name for name in asked["with"].split(",") if name]
    unknown = [name for name in names if name not in DEFENCES]
    if unknown:
        st.warning(f"The link names an unknown defence: `{_words.plain(unknown[0][:40])}`.", icon=":material/link_off:")
    if asked["share"] not in map(str, SHARES):
        allowed = ", ".join(map(str, SHARES))
        st.warning(
            f"`share` is `{_words.plain(asked['share'][:40])}`; allowed: {allowed}. Using {DEFAULT['share']} instead.",
            icon=":material/link_off:",
        )
    state["defend-with"] = [name for name in dict.fromkeys(names) if name in DEFENCES]
    state["defend-share"] = int(asked["share"]) if asked["share"] in map(str, SHARES) else int(DEFAULT["share"])


def write_link(names: Sequence[str], share: int) -> None:
    """Write the controls into the link."""
    query = {"with": ",".join(names), "share": str(share)}
    st.session_state["defend-link"] = query
    for key, value in query.items():
        if value == DEFAULT[key]:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def select_run() -> None:
    """Defend the run that was picked; for callbacks."""
    st.session_state.turn = {"run": st.session_state["defend-run"]}


def controls(run: StoredRun) -> tuple[Any, ...]:
    """Which run, and which defences."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _pick.run_box("Run", run, widget="defend-run", on_change=select_run)
        _pick.open_button(run.spec, widget="defend-lab")
    read_link()
    names = _defences.pills(widget="defend-with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = _defences.slider(widget="defend-share")
        _pick.link_popover("defend", {"run": run.hash, "with": ",".join(names), "share": str(share)}, widget="link-def")
    write_link(names, share)
    if words := captions.evasion_caption(run.summary):
        st.caption(words)
    _defences.about(names)
    return _defences.chain_of(names, share)


def result(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """The result of the chain; redrawn until a worker has evaluated it."""
    verdict = defended.find(run.hash, chain)
    if verdict is None:
        problem = _defences.evaluate(run, chain)
        if problem:
            _defences.show_problem(problem, widget="defend-again")
        else:
            _defences.show_wait(run, defended.key(run.hash, chain))
        return
    if st.session_state.pop("defend-waiting", False):
        st.rerun()  # the page, which need not be redrawn any more
    _defences.verdict_card(verdict, run.summary.classes)
    try:
        plot = _runs.plot(run.hash)
    except StoreError as error:
        st.error(str(error), title="The figures of this run can't be shown", icon=":material/broken_image:")
        return
    rows = groups(verdict, plot.n_clean)
    left, right = st.columns([1.25, 1])
    with left.container(border=True):
        map_panel(run, plot, rows)
    with right.container(border=True):
        images_panel(run, plot, rows)


def groups(verdict: DefenceVerdict, n_clean: int) -> dict[str, list[int]]:
    """Rows of each of `GROUPS`."""
    removed = set(verdict.whole.removed)
    poison = range(n_clean, n_clean + verdict.whole.n_poison)
    return {
        "detected": [row for row in poison if row in removed],
        "missed": [row for row in poison if row not in removed],
        "wrong": sorted(row for row in removed if row < n_clean),
    }


def map_panel(run: StoredRun, plot: PlotData, rows: Mapping[str, Sequence[int]]) -> None:
    """The map, with the points of each group."""
    st.markdown("**Map of features**")
    counts = ", ".join(f"{len(rows[name]):,} {words.lower()}" for name, words in GROUPS.items())
    _map.show(
        _defend_figures.map_scene(plot, run.summary.classes, rows),
        key="defend-map",
        height=_defend_figures.MAP_HEIGHT,
        images_of=run.hash,
        alt=f"Map: {counts}",
    )
    st.caption("Defences work in feature space; they do not use positions on this map.")


def images_panel(run: StoredRun, plot: PlotData, rows: Mapping[str, Sequence[int]]) -> None:
    """The images of one of the groups."""
    group = st.segmented_control(
        "Images",
        list(GROUPS),
        format_func=lambda name: f"{GROUPS[name]} {len(rows[name]):,}",
        default="missed" if rows["missed"] else "detected",
        required=True,
        key="defend-group",
        help="Which images are shown.",
    )
    chosen = rows[group]
    st.caption(GROUP_WORDS[group])
    if not chosen:
        st.markdown("None.")
        return
    pages = -(-len(chosen) // PER_PAGE)
    page = st.pagination(pages, key=f"defend-page-{group}", max_visible_pages=5) if pages > 1 else 1
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    everything, n = _runs.images(str(results()), run.hash), plot.n_clean
    labels = [run.summary.classes[int(plot.train_y[row] if row < n else plot.poison_y[row - n])] for row in shown]
    _cards.side_by_side(
        [figures.thumbnail(everything[row], figures.STRIP_PIXELS) for row in shown],
        labels,
        [
            f"{'Clean' if row < n else 'Poisoned'} image labelled {label}"
            for row, label in zip(shown, labels, strict=True)
        ],
    )


st.title("Defend")
st.markdown(INTRODUCTION)
shown = _pick.requested_run(_runs.default_run)
chain = controls(shown)
waiting = defended.find(shown.hash, chain) is None
st.session_state["defend-waiting"] = waiting
st.fragment(result, run_every=WAIT_SECONDS if waiting else None)(shown, chain)
share = int(st.session_state["defend-share"])
busy = st.session_state.get("defend-each") == (shown.hash, share)
st.session_state["defend-ticking"] = busy
st.fragment(_defend_each.single_defences, run_every=WAIT_SECONDS if busy else None)(shown, share)
sure = _certificates.is_waiting(shown)
st.fragment(_certificates.card, run_every=WAIT_SECONDS if sure else None)(shown)
