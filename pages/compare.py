"""Two to four finished runs side by side: what differs in their settings, and what came of it."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.catalog.differences import MAX_IN_SENTENCE, differences, field_label, sentence, value_text
from pages import _compare_figures as pictures
from pages import _pick, _runs, _words
from pages._compare_classes import classes_card, matrices_card
from pages._compare_figures import NAMES, SIGNS
from pages._compare_images import images_card
from pages._compare_maps import maps_card
from pages._compare_runs import QUIET, Picked, loaded

LEAST, MOST = 2, len(NAMES)
NOTHING = ""
INTRODUCTION = (
    "Pick finished runs. The page says what differs in their settings, and shows what came of it side by side."
)
PICK_HELP = "Type to search: attack, budget, data, extractor, seed. The newest run comes first."
MEASURES = {"clean": "Clean", "stage2": "Stage 2", "poisoned": "Poisoned"}


def widget(place: int) -> str:
    """The key of a picker."""
    return f"pick-{place}"


def picked_runs() -> None:
    """Note what the pickers say, for the URL; for callbacks."""
    chosen = [st.session_state.get(widget(place)) or NOTHING for place in range(MOST)]
    st.session_state.turn = {"runs": ",".join(one for one in chosen if one)}


def asked(known: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runs that the URL asks for, and a sentence on each thing in it that is not followed."""
    text = st.query_params.get("runs")
    given = st.session_state.get("compared", []) if text is None else [one for one in text.split(",") if one]
    problems = [
        f"The run `{_words.plain(one[:40])}` is not stored here; run its experiment again, or pick another."
        for one in given
        if one not in known
    ]
    wanted = list(dict.fromkeys(one for one in given if one in known))
    if len(wanted) > MOST:
        problems.append(f"The link names {len(wanted)} runs; shown are the first {MOST}.")
    if len(wanted) < len([one for one in given if one in known]):
        problems.append("A run that was named twice is shown once.")
    wanted = wanted[:MOST]
    default = _runs.default_run()
    for one in ([default.hash] if default else []) + list(known):
        if len(wanted) < LEAST and one in known and one not in wanted:
            wanted.append(one)
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
            )


def key_card(runs: Sequence[Picked]) -> None:
    """Who is who, in whole words, and where to go with each."""
    for one, column in zip(runs, st.columns(len(runs)), strict=True):
        with column.container(border=True, height="stretch", key=f"run-{one.name}"):
            st.markdown(f"{one.mark} · {_runs.words(one.run.spec)}", unsafe_allow_html=True)
            with st.container(horizontal=True):
                _pick.open_button(one.run.spec, widget=f"open-{one.name}")
                query = _pick.lab_query(one.run.spec)
                if query is None:
                    _pick.link_popover("present", {"run": one.run.hash}, widget=f"link-{one.name}")
                else:
                    _pick.link_popover("lab", query, widget=f"link-{one.name}")


def difference_card(runs: Sequence[Picked]) -> None:
    """What differs in the settings: a sentence, and a table where that is much."""
    st.subheader("What differs")
    specs, names = [one.run.spec for one in runs], [one.name for one in runs]
    st.markdown(_words.plain(sentence(specs, names)))
    found = differences(specs)
    if len(found) > MAX_IN_SENTENCE:
        rows = [
            [field_label(field), *(_words.plain(value_text(field, value)) for value in values)]
            for field, values in found
        ]
        table(["Setting", *(one.mark for one in runs)], rows, is_number=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, is_number: bool) -> None:
    """A table as Markdown, which wraps on a phone; numbers stand under each other."""
    rule = ["---", *(["---:" if is_number else "---"] * (len(head) - 1))]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    st.markdown("\n".join(lines), unsafe_allow_html=True)


def numbers_card(runs: Sequence[Picked]) -> None:
    """Accuracies as a table and as bars."""
    st.subheader("Accuracy")
    summaries = [one.run.summary for one in runs]
    scores: dict[str, list[float | None]] = {
        words: [summary.accuracies().get(key) for summary in summaries] for key, words in MEASURES.items()
    }
    left, right = st.columns([1, 1.4], vertical_alignment="center")
    with left:
        rows = [
            [f"{words}, %", *("—" if value is None else f"{100 * value:.1f}" for value in values)]
            for words, values in scores.items()
        ]
        rows.append(["**Drop**, points", *(f"**{summary.drop():.1f}**" for summary in summaries)])
        rows.append(["± standard error", *(f"{summary.paired_error():.1f}" for summary in summaries)])
        rows.append(["Poisoned images", *(f"{summary.n_poison:,}" for summary in summaries)])
        rows.append(["Test images", *(f"{summary.n_test:,}" for summary in summaries)])
        table(["Test accuracy", *(one.mark for one in runs)], rows, is_number=True)
        st.caption(
            "Drop is clean minus poisoned. A dash: the attack has no stage 2. ± is the standard error of the drop: "
            "with other test images it would differ by about so much, so smaller differences mean little."
        )
    told = "; ".join(
        f"{one.name}: clean {100 * one.run.summary.clean.accuracy:.1f} %, "
        f"poisoned {100 * one.run.summary.poisoned.accuracy:.1f} %"
        for one in runs
    )
    right.plotly_chart(
        pictures.accuracy_bars(scores, [one.place for one in runs]),
        key="compare-accuracy",
        config=QUIET,
        alt=f"Test accuracy of each run; {told}",
    )


def side_key(runs: Sequence[Picked]) -> None:
    """Which letter is which run, always in sight on a wide screen."""
    with st.sidebar:
        st.subheader("On show")
        for one in runs:
            st.markdown(f"{one.mark} · {_runs.words(one.run.spec)}", unsafe_allow_html=True)


def in_cards(runs: Sequence[Picked], cards: Sequence[Callable[[Sequence[Picked]], None]]) -> None:
    """Each part in a box of its own."""
    for card in cards:
        with st.container(border=True):
            card(runs)


st.title("Compare runs")
st.markdown(INTRODUCTION)
named = (st.query_params.get("runs") or "").split(",") + st.session_state.get("compared", [])
rows = _runs.listed([*named, *st.session_state.get("turn", {}).get("runs", "").split(",")])
if len(rows) < LEAST:
    st.info(
        "Two finished runs are needed. Run an experiment in the lab, then come back.", icon=":material/compare_arrows:"
    )
    st.stop()
labels = _pick.labels(rows)
# Written here and not in the callback: what a callback writes does not reach the browser.
st.query_params.update(st.session_state.pop("turn", {}))
wanted, problems = asked(list(labels))
pickers(labels, wanted)
for problem in problems:
    st.warning(problem, icon=":material/link_off:")
st.session_state.compared = wanted
if st.query_params.get("runs") != ",".join(wanted):
    st.query_params["runs"] = ",".join(wanted)
picked = loaded(wanted)
key_card(picked)
in_cards(picked, [difference_card, numbers_card, images_card, maps_card, classes_card, matrices_card])
side_key(picked)
