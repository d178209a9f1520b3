"""Defences on a finished run: what they find, what they miss, what goes with it, and how much accuracy comes back."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import cost, defended, figures
from core.defences.spec import ABOUT, DEFENCE_SPECS
from core.errors import PoisonLabError, StoreError
from core.paths import results
from core.result import Array
from core.store import StoredRun
from pages import _cards, _defend_figures, _pick, _running, _runs, _words
from pages._defend_figures import GROUPS

QUIET = {"displayModeBar": False}
WAIT_SECONDS = 0.7
PER_PAGE = 24
SHARES = (1, 2, 3, 5, 10, 15, 20)
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


def chain_of(names: Sequence[str], share: int) -> tuple[Any, ...]:
    """The defences with these names, each that removes a share with this one, in percent."""
    texts = [f"{name}:share={share / 100:g}" if "share" in DEFENCE_SPECS[name].model_fields else name for name in names]
    return defended.parse_chain(texts)


def follow() -> None:
    """Take what the link asks for, where it was not this page that wrote it."""
    state = st.session_state
    asked = {key: st.query_params.get(key, value) for key, value in DEFAULT.items()}
    if state.get("defend-link") == asked:
        return
    names = [name for name in asked["with"].split(",") if name]
    unknown = [name for name in names if name not in ABOUT]
    if unknown:
        st.warning(f"The link names no defence by `{_words.plain(unknown[0][:40])}`.", icon=":material/link_off:")
    state["defend-with"] = [name for name in dict.fromkeys(names) if name in ABOUT]
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
    names = st.pills(
        "Defences",
        list(ABOUT),
        selection_mode="multi",
        format_func=lambda name: ABOUT[name].title,
        key="defend-with",
        wrap=True,
        help="Several are chained: each goes over what the one before has left.",
    )
    names = [name for name in ABOUT if name in names]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.select_slider(
            "Removed by each, %",
            SHARES,
            key="defend-share",
            width=320,
            help="The most suspicious part of each class. A defender doesn't know the attacker's budget. The range "
            "check and the label issues decide by themselves how much goes.",
        )
        _pick.link_popover("defend", {"run": run.hash, "with": ",".join(names), "share": str(share)}, widget="link-def")
    write(names, int(share))
    for name in names:
        st.caption(f"**{ABOUT[name].title}**: {ABOUT[name].words} {ABOUT[name].source}")
    return chain_of(names, int(share))


def ask(run: StoredRun, chain: Sequence[Any]) -> str | None:
    """Have a chain judged, once; what went wrong, if anything did."""
    errands = st.session_state.setdefault("defend-errands", {})
    key, texts = defended.key(run.hash, chain), [defended.as_text(one) for one in chain]
    if key not in errands:
        try:
            errands[key] = _running.engine().ask(key, "core.defended:judge", str(results()), run.hash, texts)
        except PoisonLabError as error:
            return str(error)
    problem: str | None = errands[key].error
    return problem


def try_again() -> None:
    """Forget what went wrong; for callbacks."""
    st.session_state["defend-errands"] = {}


def trouble(problem: str, *, widget: str) -> None:
    """What went wrong, and a way on."""
    st.error(problem, title="The defences can't be judged", icon=":material/error:")
    st.button("Try again", key=widget, icon=":material/refresh:", on_click=try_again)


def wait_words(run: StoredRun) -> str:
    """What is being waited for."""
    if defended.has_features(run):
        return "A worker goes over the training set and trains the head anew."
    seconds = _runs.seconds_words(cost.total(run.spec))
    return f"This run ships without its features: a worker computes them first, which takes about {seconds}, once."


def outcome(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """What the chain comes to; drawn again and again until a worker has judged it."""
    found = defended.find(run.hash, chain)
    if found is None:
        problem = ask(run, chain)
        if problem:
            trouble(problem, widget="defend-again")
        else:
            st.info(wait_words(run), icon=":material/hourglass_top:")
        return
    if st.session_state.pop("defend-waiting", False):
        st.rerun()  # the page, so that it need not be drawn again and again any more
    verdict(found)
    try:
        view = _runs.view(run.hash)
    except StoreError as error:
        st.error(str(error), title="The pictures of this run can't be shown", icon=":material/broken_image:")
        return
    rows = groups(found, len(view["train_y"]))
    left, right = st.columns([1.25, 1])
    with left.container(border=True):
        on_map(view, rows)
    with right.container(border=True):
        images(run, view, rows)


def groups(found: Mapping[str, Any], n_clean: int) -> dict[str, list[int]]:
    """Rows of each of `GROUPS`."""
    removed = set(found["whole"]["removed"])
    poison = range(n_clean, n_clean + found["whole"]["n_poison"])
    return {
        "found": [row for row in poison if row in removed],
        "missed": [row for row in poison if row not in removed],
        "wrong": sorted(row for row in removed if row < n_clean),
    }


def verdict(found: Mapping[str, Any]) -> None:
    """The numbers: what was found, and what it is worth."""
    whole = found["whole"]
    clean, poisoned, after = (found[name]["accuracy"] for name in ("clean", "poisoned", "defended"))
    with st.container(horizontal=True):
        st.metric("Poison found", f"{whole['found']} of {whole['n_poison']}", help="Poisoned images that are removed.")
        st.metric("Clean images lost", f"{whole['clean_lost']:,}", help="Clean images that are removed with them.")
        st.metric("Precision", f"{100 * whole['precision']:.0f} %", help="Of what is removed, the part that is poison.")
        st.metric("Accuracy", f"{100 * after:.1f} %", f"{found['regained']:+.1f} points", help="Of the defended head.")
    st.markdown(sentence(found))
    values = {"Poisoned": poisoned, "Random filter": found["random"], "Defended": after, "Perfect filter": clean}
    told = ", ".join(f"{name} {100 * value:.1f} %" for name, value in values.items())
    st.plotly_chart(
        _defend_figures.accuracy_bars(values), key="defend-bars", config=QUIET, alt=f"Test accuracy: {told}"
    )
    st.caption(
        "The random filter removes as many images without looking (mean of five). The perfect filter removes the "
        "poison and nothing else. The axis does not begin at 0."
    )
    if len(found["steps"]) > 1:
        st.markdown(table(found["steps"]))


def sentence(found: Mapping[str, Any]) -> str:
    """What the defences are worth, in words."""
    lost = 100 * (found["clean"]["accuracy"] - found["poisoned"]["accuracy"])
    regained = found["regained"]
    if not found["steps"]:
        return f"No defence is on: the poison costs {lost:.1f} points."
    if lost <= 0:
        what = f"give {regained:.1f}" if regained >= 0 else f"take {-regained:.1f}"
        return f"The poison costs nothing here, and the defences {what} points."
    if regained <= 0:
        return f"The poison costs {lost:.1f} points, and the defences cost **{-regained:.1f} more**."
    if round(regained - lost, 1) > 0:
        more = regained - lost
        return f"The poison costs {lost:.1f} points; the defences give **all** of them back, and {more:.1f} more."
    return f"The poison costs {lost:.1f} points; the defences give **{regained:.1f}** of them back."


def auc_words(step: Mapping[str, Any]) -> str:
    """The area under the ROC curve, where there is one."""
    return "—" if step["auc"] is None else f"{step['auc']:.3f}"


def table(steps: Sequence[Mapping[str, Any]]) -> str:
    """What each defence has removed, as Markdown."""
    lines = [
        "| Defence | Removed | Poison found | Clean lost | Precision | ROC AUC |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for step in steps:
        lines.append(
            f"| {ABOUT[step['name']].title} | {len(step['removed']):,} | {step['found']} of {step['n_poison']} "
            f"| {step['clean_lost']:,} | {100 * step['precision']:.0f} % | {auc_words(step)} |"
        )
    return "\n".join(lines)


def on_map(view: Mapping[str, Array], rows: Mapping[str, Sequence[int]]) -> None:
    """Where they lie."""
    st.markdown("**Map of features**")
    told = ", ".join(f"{len(rows[name]):,} {words.lower()}" for name, words in GROUPS.items())
    st.plotly_chart(_defend_figures.map_figure(view, rows), key="defend-map", config=QUIET, alt=f"Map: {told}")
    st.caption("Where a point lies on this map no defence knows: they measure in feature space.")


def images(run: StoredRun, view: Mapping[str, Array], rows: Mapping[str, Sequence[int]]) -> None:
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
    everything, n = _runs.images(str(results()), run.hash), len(view["train_y"])
    labels = [
        run.result["classes"][int(view["train_y"][row] if row < n else view["poison_y"][row - n])] for row in shown
    ]
    _cards.side_by_side(
        [figures.row_of([everything[row]], figures.STRIP_PIXELS, gap=0) for row in shown],
        labels,
        [
            f"{'Clean' if row < n else 'Poisoned'} image labelled {label}"
            for row, label in zip(shown, labels, strict=True)
        ],
    )


def each(run: StoredRun, share: int) -> None:
    """Every defence by itself, at the same share."""
    st.subheader("Every defence by itself")
    chains = {name: chain_of([name], share) for name in ABOUT}
    known = {name: found for name, chain in chains.items() if (found := defended.find(run.hash, chain)) is not None}
    todo = [name for name in ABOUT if name not in known]
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
        problems = {problem for name in todo if (problem := ask(run, chains[name]))}
        if problems:
            trouble(" ".join(sorted(problems)), widget="defend-each-again")
        else:
            st.progress(len(known) / len(ABOUT), text=f"{len(known)} of {len(ABOUT)} judged")
    elif st.session_state.pop("defend-each", None):
        st.rerun()
    if known:
        lines = ["| Defence | Found | Clean lost | AUC | Accuracy |", "|---|---:|---:|---:|---:|"]
        for name in (name for name in ABOUT if name in known):
            found = known[name]
            (step,) = found["steps"]
            lines.append(
                f"| {ABOUT[name].title} | {step['found']} of {step['n_poison']} | {step['clean_lost']:,} "
                f"| {auc_words(step)} | {100 * found['defended']['accuracy']:.1f} % ({found['regained']:+.1f}) |"
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
