"""Two to four finished runs side by side: how their settings differ, and their results."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.catalog.differences import MAX_IN_SENTENCE, differences, field_label, sentence, value_text
from core.system.numbers import fixed, percent
from pages import _compare_figures as pictures
from pages import _pick, _runs, _words
from pages._compare_classes import classes_card, matrices_card
from pages._compare_figures import NAMES, SIGNS
from pages._compare_images import images_card
from pages._compare_maps import maps_card
from pages._compare_runs import QUIET, ComparedRun, loaded

LEAST, MOST = 2, len(NAMES)
NOTHING = ""
INTRODUCTION = "Select finished runs to see how their settings differ, and their results side by side."
PICK_HELP = "Type to search: attack, budget, data, extractor, seed. The newest run comes first."
MEASURES = {"clean": "Clean", "stage2": "Stage 2", "poisoned": "Poisoned"}


def widget(place: int) -> str:
    """The key of a picker."""
    return f"pick-{place}"


def picked_runs() -> None:
    """Note what the pickers say, for the URL; for callbacks."""
    chosen = [st.session_state.get(widget(place)) or NOTHING for place in range(MOST)]
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
            )


def legend_card(runs: Sequence[ComparedRun]) -> None:
    """The settings of each run, and links to it."""
    for compared, column in zip(runs, st.columns(len(runs)), strict=True):
        with column.container(border=True, height="stretch", key=f"run-{compared.name}"):
            st.markdown(f"{compared.mark} · {_runs.words(compared.run.spec)}", unsafe_allow_html=True)
            with st.container(horizontal=True):
                _pick.open_button(compared.run.spec, widget=f"open-{compared.name}")
                query = _pick.lab_query(compared.run.spec)
                if query is None:
                    _pick.link_popover("present", {"run": compared.run.hash}, widget=f"link-{compared.name}")
                else:
                    _pick.link_popover("lab", query, widget=f"link-{compared.name}")


def difference_card(runs: Sequence[ComparedRun]) -> None:
    """The differences in the settings: a sentence, and a table where they are many."""
    st.subheader("Differences in the settings")
    specs, names = [compared.run.spec for compared in runs], [compared.name for compared in runs]
    st.markdown(_words.plain(sentence(specs, names)))
    differing = differences(specs)
    if len(differing) > MAX_IN_SENTENCE:
        rows = [
            [field_label(field), *(_words.plain(value_text(field, value)) for value in values)]
            for field, values in differing
        ]
        table(["Setting", *(compared.mark for compared in runs)], rows, is_number=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, is_number: bool) -> None:
    """A table as Markdown, which wraps on a phone; numbers stand under each other."""
    rule = ["---", *(["---:" if is_number else "---"] * (len(head) - 1))]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    st.markdown("\n".join(lines), unsafe_allow_html=True)


def numbers_card(runs: Sequence[ComparedRun]) -> None:
    """Accuracies as a table and as bars."""
    st.subheader("Accuracy")
    summaries = [compared.run.summary for compared in runs]
    scores: dict[str, list[float | None]] = {
        words: [summary.accuracies().get(key) for summary in summaries] for key, words in MEASURES.items()
    }
    left, right = st.columns([1, 1.4], vertical_alignment="center")
    with left:
        rows = [
            [f"{words}, %", *("—" if value is None else fixed(100 * value) for value in values)]
            for words, values in scores.items()
        ]
        rows.append(["**Drop**, points", *(f"**{fixed(summary.drop())}**" for summary in summaries)])
        rows.append(["± standard error", *(fixed(summary.paired_error()) for summary in summaries)])
        rows.append(["Poisoned images", *(f"{summary.n_poison:,}" for summary in summaries)])
        rows.append(["Test images", *(f"{summary.n_test:,}" for summary in summaries)])
        table(["Test accuracy", *(compared.mark for compared in runs)], rows, is_number=True)
        st.caption(
            "Drop: clean minus poisoned accuracy. A dash: the attack has no stage 2. ±: standard error of the drop "
            "over the choice of test images; smaller differences are not significant."
        )
    summary = "; ".join(
        f"{compared.name}: clean {percent(compared.run.summary.clean.accuracy)}, "
        f"poisoned {percent(compared.run.summary.poisoned.accuracy)}"
        for compared in runs
    )
    right.plotly_chart(
        pictures.accuracy_bars(scores, [compared.place for compared in runs]),
        key="compare-accuracy",
        config=QUIET,
        alt=f"Test accuracy of each run; {summary}",
    )


def sidebar_legend(runs: Sequence[ComparedRun]) -> None:
    """The runs by letter, always visible on a wide screen."""
    with st.sidebar:
        st.subheader("Runs shown")
        for compared in runs:
            st.markdown(f"{compared.mark} · {_runs.words(compared.run.spec)}", unsafe_allow_html=True)


def in_cards(runs: Sequence[ComparedRun], cards: Sequence[Callable[[Sequence[ComparedRun]], None]]) -> None:
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
wanted, problems = requested_runs(list(labels))
pickers(labels, wanted)
for problem in problems:
    st.warning(problem, icon=":material/link_off:")
st.session_state.compared = wanted
if st.query_params.get("runs") != ",".join(wanted):
    st.query_params["runs"] = ",".join(wanted)
picked = loaded(wanted)
legend_card(picked)
in_cards(picked, [difference_card, numbers_card, images_card, maps_card, classes_card, matrices_card])
sidebar_legend(picked)
