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
from pages import _cards, _certificates, _defences, _defend_each, _defend_figures, _map, _own, _pick, _runs
from pages._controls import Choice, Whole
from pages._defences import SHARES, USUAL_SHARE
from pages._defend_figures import GROUPS
from pages._own import Several
from pages._tasks import WAIT_SECONDS

PER_PAGE = 24
USUAL = "sphere"
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


def select_run() -> None:
    """Defend the run that was picked; for callbacks."""
    st.session_state.turn = {"run": st.session_state["defend-run"]}


def controls(run: StoredRun) -> tuple[Any, ...]:
    """Which run, and which defences."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _pick.run_box("Run", run, widget="defend-run", on_change=select_run)
        _pick.open_button(run.spec, widget="defend-lab")
    _own.ask("with", Several(list(DEFENCES), [USUAL], is_ordered=True))
    names = _defences.pills(widget=_own.widget("with"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _own.ask("share", Choice({share: f"{share} %" for share in SHARES}, USUAL_SHARE))
        share = _defences.slider(widget=_own.widget("share"))
        _pick.link_popover("defend", {"run": run.hash, "with": ",".join(names), "share": str(share)}, widget="link-def")
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
    _own.write()


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


def first_page() -> None:
    """Show another group from its first image on; for callbacks."""
    st.session_state[_own.widget("page")] = 1


def images_panel(run: StoredRun, plot: PlotData, rows: Mapping[str, Sequence[int]]) -> None:
    """The images of one of the groups."""
    group = _own.ask("group", Choice(GROUPS, "missed" if rows["missed"] else "detected"))
    st.segmented_control(
        "Images",
        list(GROUPS),
        format_func=lambda name: f"{GROUPS[name]} {len(rows[name]):,}",
        required=True,
        key=_own.widget("group"),
        on_change=first_page,
        help="Which images are shown.",
    )
    chosen = rows[group]
    st.caption(GROUP_WORDS[group])
    if not chosen:
        st.markdown("None.")
        return
    pages = -(-len(chosen) // PER_PAGE)
    page = _own.ask("page", Whole(1, pages, 1) if pages > 1 else None) or 1
    if pages > 1:
        st.pagination(pages, default=page, key=_own.widget("page"), max_visible_pages=5)
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
share = int(st.session_state[_own.widget("share")])
busy = st.session_state.get("defend-each") == (shown.hash, share)
st.session_state["defend-ticking"] = busy
st.fragment(_defend_each.single_defences, run_every=WAIT_SECONDS if busy else None)(shown, share)
sure = _certificates.is_waiting(shown)
st.fragment(_certificates.card, run_every=WAIT_SECONDS if sure else None)(shown)
