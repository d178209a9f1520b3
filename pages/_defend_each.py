"""Each defence on its own at the same share: what it finds and what it takes along, as bars and as numbers."""

from collections.abc import Mapping

import streamlit as st

from core.defences.registry import RECORDS as DEFENCES
from core.defences.verdict import DefenceVerdict
from core.presentation import by_class
from core.storage import defended
from core.storage.runs import StoredRun
from core.system.numbers import counted, fixed, percent
from pages import _defences, _defend_figures, _words
from pages._defences import QUIET

HELP = (
    "Found: the share of the poisoned images that the defence removes. Lost along: the share of the clean images that "
    "it removes by mistake. A defence that chooses at random finds as large a share as it loses."
)
COLUMNS_HELP = (
    "AUC, the area under the ROC curve: the probability that a poisoned image gets a higher score than a clean one; "
    "0.5 is chance. It measures the ranking, whatever share is removed. The class that loses most is that with the "
    "largest drop from the clean head to the defended one, in points."
)


def single_defences(run: StoredRun, share: int) -> None:
    """The bars of what is known, and the button or the progress of what is not."""
    st.subheader("Each defence on its own", help=HELP)
    chains = {name: _defences.chain_of([name], share) for name in DEFENCES}
    verdicts = {name: defended.find(run.hash, chain) for name, chain in chains.items()}
    known = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    todo = [name for name in DEFENCES if name not in known]
    wanted = st.session_state.get("defend-each") == (run.hash, share)
    if todo and not wanted:
        st.button(
            f"Evaluate {len(todo)} more" if known else "Evaluate all",
            key="defend-all",
            icon=":material/play_arrow:",
            on_click=st.session_state.update,
            args=({"defend-each": (run.hash, share)},),
            help="About a second for each.",
        )
    elif todo:
        if not st.session_state["defend-ticking"]:  # the button has drawn this part alone, once
            st.rerun()
        problems = {problem for name in todo if (problem := _defences.evaluate(run, chains[name]))}
        if problems:
            _defences.show_problem(" ".join(sorted(problems)), widget="defend-each-again")
        else:
            st.progress(len(known) / len(DEFENCES), text=f"{len(known)} of {len(DEFENCES)} evaluated")
    elif st.session_state.pop("defend-each", None):
        st.rerun()
    if known:
        bars(known)
        with st.expander("Numbers", icon=":material/table_rows:"):
            numbers(run, known)


def ranked(known: Mapping[str, DefenceVerdict]) -> list[str]:
    """The defences by the share of the poison that they find, most first; ties by the fewest clean images lost."""
    return sorted(known, key=lambda name: (-known[name].whole.recall, known[name].whole.clean_lost))


def bars(known: Mapping[str, DefenceVerdict]) -> None:
    """Found and lost, the best on top."""
    order = ranked(known)
    steps = {DEFENCES[name].title: known[name].whole for name in order}
    regained = {DEFENCES[name].title: known[name].regained for name in order}
    about = {DEFENCES[name].title: DEFENCES[name].summary for name in order}
    best = known[order[0]].whole
    st.markdown(
        f"**{DEFENCES[order[0]].title}** finds most: {best.poison_removed} of "
        f"{counted(best.n_poison, 'poisoned image')}, and loses {counted(best.clean_lost, 'clean image')} of "
        f"{best.n_clean:,} along."
    )
    words = "; ".join(f"{title} {percent(step.recall, 0)}" for title, step in steps.items())
    st.plotly_chart(
        _defend_figures.found_bars(steps, regained, about),
        key="defend-each-bars",
        config=QUIET,
        alt=f"Share of the poisoned images found by each defence, most first: {words}",
    )


def numbers(run: StoredRun, known: Mapping[str, DefenceVerdict]) -> None:
    """All of it as a table, in the order of the bars."""
    is_uneven = run.summary.clean.is_uneven
    names = [_words.plain(name) for name in run.summary.classes]
    lines = ["| Defence | Detected | Clean removed | AUC | Accuracy |", "|---|---:|---:|---:|---:|"]
    if is_uneven:
        lines = [f"{lines[0]} Balanced accuracy |", f"{lines[1]}---:|"]
    lines = [f"{lines[0]} Class that loses most |", f"{lines[1]}---:|"]
    for name in ranked(known):
        verdict = known[name]
        (step,), accuracy = verdict.steps, 100 * verdict.defended.accuracy
        lines.append(
            f"| {DEFENCES[name].title} | {step.poison_removed} of {step.n_poison} | {step.clean_lost:,} "
            f"| {_defences.auc_words(step)} | {fixed(accuracy)} % ({fixed(verdict.regained, sign=True)}) |"
            + (f" {percent(verdict.defended.balanced)} |" if is_uneven else "")
            + f" {by_class.worst_class(verdict, names)} |"
        )
    st.markdown("\n".join(lines))
    st.caption(COLUMNS_HELP)
