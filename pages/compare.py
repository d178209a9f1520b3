"""Two to four finished runs side by side: how their settings differ, and their results."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.system.numbers import percent
from pages import _compare_figures as pictures
from pages import _own, _run_labels, _runs, _words
from pages._compare_classes import classes_card, matrices_card
from pages._compare_figures import NAMES, SIGNS
from pages._compare_images import images_card
from pages._compare_maps import maps_card
from pages._compare_runs import QUIET, ComparedRun, loaded
from pages._compare_table import run_table
from pages._controls import Choice

LEAST, MOST = 2, len(NAMES)
NOTHING = ""
INTRODUCTION = "Select finished runs to see how their settings differ, and their results side by side."
PICK_HELP = "Type to search: attack, budget, data, extractor, seed. The newest run comes first."
MEASURES = {"clean": "Clean", "stage2": "Stage 2", "poisoned": "Poisoned"}


def widget(place: int) -> str:
    """The key of a picker."""
    return f"pick-{place}"


def picked_runs(place: int) -> None:
    """Note what the pickers say, for the URL; for callbacks.

    A run that is picked where another one stands, and stands elsewhere itself, changes places with it.
    """
    chosen = [st.session_state.get(widget(i)) or NOTHING for i in range(MOST)]
    before = [*st.session_state.get("compared", []), *[NOTHING] * MOST][:MOST]
    other = next((i for i in range(MOST) if i != place and chosen[place] and chosen[i] == chosen[place]), None)
    if other is not None and before[place]:
        chosen[other] = before[place]
    elif other is not None:
        chosen[place] = NOTHING
        st.toast(f"This run is shown already, as run {NAMES[other]}.", icon=":material/compare_arrows:")
    st.session_state.turn = {"runs": ",".join(filter(None, chosen))}


def requested_runs(known: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runs that the URL names, and a message for each part of it that is ignored."""
    text = st.query_params.get("runs")
    given = st.session_state.get("compared", []) if text is None else list(filter(None, text.split(",")))
    problems = [
        f"The run `{_words.plain(spec_hash[:40])}` is not stored here; run its experiment again, or pick another."
        for spec_hash in given
        if spec_hash not in known
    ]
    wanted = list(dict.fromkeys(spec_hash for spec_hash in given if spec_hash in known))
    if len(wanted) > MOST:
        problems.append(f"The link names {len(wanted)} runs; shown are the first {MOST}.")
    if len(wanted) < sum(spec_hash in known for spec_hash in given):
        problems.append("A run that is named twice is shown once.")
    wanted = wanted[:MOST]
    default = _runs.default_run()
    for spec_hash in ([default.hash] if default else []) + list(known):
        if len(wanted) < LEAST and spec_hash in known and spec_hash not in wanted:
            wanted.append(spec_hash)
    return wanted, problems


def pickers(labels: dict[str, str], wanted: Sequence[str]) -> None:
    """Four drop-downs, two of which may stay empty."""
    for row in (range(2), range(2, MOST)):
        for place, column in zip(row, st.columns(2), strict=True):
            options = list(labels) if place < LEAST else [NOTHING, *labels]
            st.session_state[widget(place)] = wanted[place] if place < len(wanted) else options[0]
            column.selectbox(
                f"{SIGNS[place]} Run {NAMES[place]}" + ("" if place < LEAST else " (optional)"),
                options,
                format_func={**labels, NOTHING: "None"}.__getitem__,
                key=widget(place),
                help=PICK_HELP,
                on_change=picked_runs,
                args=(place,),
            )


def view_box() -> str:
    """Which view is shown, one at a time; it stands in the link."""
    view = _own.ask("view", Choice({name: words for name, (words, _) in VIEWS.items()}, FIRST_VIEW))
    st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda name: VIEWS[name][0],
        required=True,
        key=_own.widget("view"),
        help="One view at a time; the table above stays.",
    )
    return view


def accuracy_card(runs: Sequence[ComparedRun]) -> None:
    """Accuracies as bars: blue without the poison, orange with it, as in the lab."""
    st.subheader("Accuracy")
    summaries = [compared.run.summary for compared in runs]
    scores: dict[str, list[float | None]] = {
        words: [summary.accuracies().get(key) for summary in summaries] for key, words in MEASURES.items()
    }
    summary = "; ".join(
        f"{compared.name}: clean {percent(compared.run.summary.clean.accuracy)}, "
        f"poisoned {percent(compared.run.summary.poisoned.accuracy)}"
        for compared in runs
    )
    st.plotly_chart(
        pictures.accuracy_bars(scores, [compared.place for compared in runs]),
        key="compare-accuracy",
        config=QUIET,
        alt=f"Test accuracy of each run; {summary}",
    )
    st.caption("The axis does not start at 0, so that differences of a few points can be seen.")


def sidebar_legend(runs: Sequence[ComparedRun]) -> None:
    """The runs by letter, always visible on a wide screen."""
    with st.sidebar:
        st.subheader("Runs shown")
        for compared in runs:
            st.markdown(f"{compared.mark} · {_runs.words(compared.run.spec)}", unsafe_allow_html=True)


VIEWS: dict[str, tuple[str, Callable[[Sequence[ComparedRun]], None]]] = {
    "accuracy": ("Accuracy", accuracy_card),
    "images": ("Images", images_card),
    "map": ("Map", maps_card),
    "classes": ("Classes", classes_card),
    "confusion": ("Confusion", matrices_card),
}
"""Name in a link; name for people, and what is drawn."""
FIRST_VIEW = "accuracy"


st.title("Compare runs")
st.markdown(INTRODUCTION)
named = (st.query_params.get("runs") or "").split(",") + st.session_state.get("compared", [])
rows = _runs.listed([*named, *st.session_state.get("turn", {}).get("runs", "").split(",")])
if len(rows) < LEAST:
    st.info(
        "Two finished runs are needed. Run an experiment in the lab, then come back.", icon=":material/compare_arrows:"
    )
    st.stop()
labels = _run_labels.labels(rows)
# Written here and not in the callback: what a callback writes does not reach the browser.
st.query_params.update(st.session_state.pop("turn", {}))
wanted, problems = requested_runs(list(labels))
pickers(labels, wanted)
for problem in problems:
    st.warning(problem, icon=":material/link_off:")
st.session_state.compared = wanted
if st.query_params.get("runs") != ",".join(wanted):
    st.query_params["runs"] = ",".join(wanted)
picked = loaded(wanted)
run_table(picked)
view = view_box()
with st.container(border=True):
    VIEWS[view][1](picked)
sidebar_legend(picked)
