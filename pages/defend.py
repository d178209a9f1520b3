"""Defences on a finished run: what they find, what they miss, what goes with it, and how much accuracy comes back."""

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
from pages import _cards, _certificates, _defences, _defend_figures, _pick, _runs, _words
from pages._defences import QUIET, SHARES, WAIT_SECONDS
from pages._defend_figures import GROUPS

PER_PAGE = 24
DEFAULT = {"with": "sphere", "share": "5"}
INTRODUCTION = (
    "Whoever trains a head can look for poison first, without knowing which images are poison. Switch defences on, and "
    "see what they find, what they miss, and which clean images go with it."
)
GROUP_WORDS = {
    "found": "Poisoned images that the defences remove.",
    "missed": "Poisoned images that stay in the training set.",
    "wrong": "Clean images that the defences remove.",
}


def follow() -> None:
    """Take what the link asks for, where it was not this page that wrote it."""
    state = st.session_state
    asked = {key: st.query_params.get(key, value) for key, value in DEFAULT.items()}
    if state.get("defend-link") == asked and "defend-with" in state:  # Streamlit forgets it on the way to other pages
        return
    names = [name for name in asked["with"].split(",") if name]
    unknown = [name for name in names if name not in DEFENCES]
    if unknown:
        st.warning(f"The link names no defence by `{_words.plain(unknown[0][:40])}`.", icon=":material/link_off:")
    state["defend-with"] = [name for name in dict.fromkeys(names) if name in DEFENCES]
    state["defend-share"] = int(asked["share"]) if asked["share"] in map(str, SHARES) else int(DEFAULT["share"])


def write(names: Sequence[str], share: int) -> None:
    """Bring the link in step."""
    told = {"with": ",".join(names), "share": str(share)}
    st.session_state["defend-link"] = told
    for key, value in told.items():
        if value == DEFAULT[key]:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def another() -> None:
    """Defend the run that was picked; for callbacks."""
    st.session_state.turn = {"run": st.session_state["defend-run"]}


def controls(run: StoredRun) -> tuple[Any, ...]:
    """Which run, and which defences."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _pick.run_box("Run", run, widget="defend-run", on_change=another)
        _pick.open_button(run.spec, widget="defend-lab")
    follow()
    names = _defences.pills(widget="defend-with")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = _defences.slider(widget="defend-share")
        _pick.link_popover("defend", {"run": run.hash, "with": ",".join(names), "share": str(share)}, widget="link-def")
    write(names, share)
    if words := captions.evasion_caption(run.summary):
        st.caption(words)
    _defences.about(names)
    return _defences.chain_of(names, share)


def outcome(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """What the chain comes to; drawn again and again until a worker has judged it."""
    found = defended.find(run.hash, chain)
    if found is None:
        problem = _defences.ask(run, chain)
        if problem:
            _defences.trouble(problem, widget="defend-again")
        else:
            st.info(_defences.wait_words(run), icon=":material/hourglass_top:")
        return
    if st.session_state.pop("defend-waiting", False):
        st.rerun()  # the page, so that it need not be drawn again and again any more
    _defences.verdict(found)
    try:
        plot = _runs.plot(run.hash)
    except StoreError as error:
        st.error(str(error), title="The pictures of this run can't be shown", icon=":material/broken_image:")
        return
    rows = groups(found, plot.n_clean)
    left, right = st.columns([1.25, 1])
    with left.container(border=True):
        on_map(plot, rows)
    with right.container(border=True):
        images(run, plot, rows)


def groups(verdict: DefenceVerdict, n_clean: int) -> dict[str, list[int]]:
    """Rows of each of `GROUPS`."""
    removed = set(verdict.whole.removed)
    poison = range(n_clean, n_clean + verdict.whole.n_poison)
    return {
        "found": [row for row in poison if row in removed],
        "missed": [row for row in poison if row not in removed],
        "wrong": sorted(row for row in removed if row < n_clean),
    }


def on_map(plot: PlotData, rows: Mapping[str, Sequence[int]]) -> None:
    """Where they lie."""
    st.markdown("**Map of features**")
    told = ", ".join(f"{len(rows[name]):,} {words.lower()}" for name, words in GROUPS.items())
    st.plotly_chart(_defend_figures.map_figure(plot, rows), key="defend-map", config=QUIET, alt=f"Map: {told}")
    st.caption("Where a point lies on this map no defence knows: they measure in feature space.")


def images(run: StoredRun, plot: PlotData, rows: Mapping[str, Sequence[int]]) -> None:
    """The images of one of the groups."""
    group = st.segmented_control(
        "Images",
        list(GROUPS),
        format_func=lambda name: f"{GROUPS[name]} {len(rows[name]):,}",
        default="missed" if rows["missed"] else "found",
        required=True,
        key="defend-group",
        help="What became of them.",
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
        [figures.image_row([everything[row]], figures.STRIP_PIXELS, gap=0) for row in shown],
        labels,
        [
            f"{'Clean' if row < n else 'Poisoned'} image labelled {label}"
            for row, label in zip(shown, labels, strict=True)
        ],
    )


def each(run: StoredRun, share: int) -> None:
    """Every defence by itself, at the same share."""
    st.subheader("Every defence by itself")
    chains = {name: _defences.chain_of([name], share) for name in DEFENCES}
    known = {name: found for name, chain in chains.items() if (found := defended.find(run.hash, chain)) is not None}
    todo = [name for name in DEFENCES if name not in known]
    wanted = st.session_state.get("defend-each") == (run.hash, share)
    if todo and not wanted:
        st.button(
            f"Judge {len(todo)} more" if known else "Judge them all",
            key="defend-all",
            icon=":material/play_arrow:",
            on_click=st.session_state.update,
            args=({"defend-each": (run.hash, share)},),
            help="About a second for each.",
        )
    elif todo:
        if not st.session_state["defend-ticking"]:  # the button has drawn this part alone, once
            st.rerun()
        problems = {problem for name in todo if (problem := _defences.ask(run, chains[name]))}
        if problems:
            _defences.trouble(" ".join(sorted(problems)), widget="defend-each-again")
        else:
            st.progress(len(known) / len(DEFENCES), text=f"{len(known)} of {len(DEFENCES)} judged")
    elif st.session_state.pop("defend-each", None):
        st.rerun()
    if known:
        lines = ["| Defence | Found | Clean lost | AUC | Accuracy |", "|---|---:|---:|---:|---:|"]
        for name in (name for name in DEFENCES if name in known):
            verdict = known[name]
            (step,), accuracy = verdict.steps, 100 * verdict.defended.accuracy
            lines.append(
                f"| {DEFENCES[name].title} | {step.poison_removed} of {step.n_poison} | {step.clean_lost:,} "
                f"| {_defences.auc_words(step)} | {accuracy:.1f} % ({verdict.regained:+.1f}) |"
            )
        st.markdown("\n".join(lines))
        st.caption(
            "AUC, the area under the ROC curve: how often a poisoned image is more suspicious than a clean one; 0.5 is "
            "chance. It asks how well the defence ranks, whatever part it removes."
        )


st.title("Defend")
st.markdown(INTRODUCTION)
shown = _pick.asked_run(_runs.default_run)
chain = controls(shown)
waiting = defended.find(shown.hash, chain) is None
st.session_state["defend-waiting"] = waiting
st.fragment(outcome, run_every=WAIT_SECONDS if waiting else None)(shown, chain)
share = int(st.session_state["defend-share"])
busy = st.session_state.get("defend-each") == (shown.hash, share)
st.session_state["defend-ticking"] = busy
st.fragment(each, run_every=WAIT_SECONDS if busy else None)(shown, share)
sure = _certificates.is_waiting(shown)
st.fragment(_certificates.card, run_every=WAIT_SECONDS if sure else None)(shown)
