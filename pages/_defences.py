"""Defences as several pages use them: controls, evaluation by a worker, and the result in words and numbers."""

from collections.abc import Sequence

import streamlit as st

from core.defences.chain import Chain, as_text, parse_chain
from core.defences.registry import RECORDS as DEFENCES
from core.defences.settings import SHARE
from core.defences.verdict import DefenceStep, DefenceVerdict
from core.presentation import by_class, captions
from core.storage import defended
from core.storage.runs import StoredRun
from core.system.numbers import digits, fixed, percent
from pages import _defend_figures, _tasks, _words

QUIET = {"displayModeBar": False}
SECONDS = 3.0
"""What one chain takes, roughly, where the features are there."""
SHARES = (1, 2, 3, 5, 10, 15, 20)
"""How much each may remove, in percent."""
USUAL_SHARE = round(100 * SHARE)


def chain_of(names: Sequence[str], share: int) -> Chain:
    """The defences with these names, each that removes a share with this one, in percent."""
    texts = [
        f"{name}:share={digits(share / 100)}" if "share" in DEFENCES[name].settings.model_fields else name
        for name in names
    ]
    return parse_chain(texts)


def pills(*, widget: str) -> list[str]:
    """Which defences, in the order in which they are chained."""
    names = st.pills(
        "Defences",
        list(DEFENCES),
        selection_mode="multi",
        format_func=lambda name: DEFENCES[name].title,
        key=widget,
        wrap=True,
        help="Several are chained: each filters what the one before has left.",
    )
    return [name for name in DEFENCES if name in names]


def slider(*, widget: str) -> int:
    """How much each removes, in percent."""
    return int(
        st.select_slider(
            "Share removed by each, %",
            SHARES,
            key=widget,
            width=320,
            help="Each removes this share of every class, by highest score; the defender does not know the attacker's "
            "budget. The range check and the label issues determine by themselves how much they remove.",
        )
    )


def about(names: Sequence[str]) -> None:
    """A caption for each defence: what it removes, with its source one hover away."""
    for name in names:
        st.caption(f"**{DEFENCES[name].title}**: {DEFENCES[name].summary}", help=DEFENCES[name].source)


def words(chain: Chain) -> str:
    """A chain in one line."""
    titles = [
        DEFENCES[defence.name].title + (f" ({digits(100 * defence.share)} %)" if hasattr(defence, "share") else "")
        for defence in chain
    ]
    return ", then ".join(titles) or "none"


def share_of(chain: Chain) -> int:
    """What each defence of a chain removes, in percent."""
    return round(100 * next((defence.share for defence in chain if hasattr(defence, "share")), SHARE))


def query(run: StoredRun, chain: Chain) -> dict[str, str]:
    """The link to a chain on a run, on the page of defences."""
    return {"run": run.hash, "with": ",".join(defence.name for defence in chain), "share": str(share_of(chain))}


def evaluate(run: StoredRun, chain: Chain) -> str | None:
    """Have a worker evaluate a chain, once; the error message, None while there is none."""
    key, texts = defended.key(run.hash, chain), [as_text(defence) for defence in chain]
    return _tasks.run_on(run, key, "core.storage.defended:judge", texts)


def show_problem(problem: str, *, widget: str) -> None:
    """The error message, and a button to try again."""
    _tasks.show_problem(problem, title="The defences can't be evaluated", widget=widget)


def show_wait(run: StoredRun, key: str) -> None:
    """What the worker is doing, and about how far it is.

    Args:
        run: that is defended.
        key: of the task.
    """
    _tasks.show_progress(run, key, SECONDS, "A worker is filtering the training set and retraining the head.")


def verdict_card(verdict: DefenceVerdict, classes: Sequence[str]) -> None:
    """Detection rates of the defences, and the test accuracy that they recover.

    Args:
        verdict: of the defences on a run.
        classes: names of the run's classes.
    """
    whole = verdict.whole
    clean, poisoned, after = (score.accuracy for score in (verdict.clean, verdict.poisoned, verdict.defended))
    with st.container(horizontal=True):
        st.metric(
            "Poison detected", f"{whole.poison_removed} of {whole.n_poison}", help="Poisoned images that are removed."
        )
        st.metric("Clean images removed", f"{whole.clean_lost:,}", help="Clean images that are removed by mistake.")
        st.metric("Precision", percent(whole.precision, 0), help="Share of poisoned images among those removed.")
        st.metric(
            "Test accuracy",
            percent(after),
            f"{fixed(verdict.regained, sign=True)} points",
            help="Of the defended head.",
        )
    st.markdown(sentence(verdict))
    scores = {"Poisoned": verdict.poisoned, "Defended": verdict.defended, "Perfect filter": verdict.clean}
    if caption := captions.balanced_caption(classes, scores):
        st.caption(_words.plain(caption))
    values = {"Poisoned": poisoned, "Random filter": verdict.random, "Defended": after, "Perfect filter": clean}
    summary = ", ".join(f"{name} {percent(value)}" for name, value in values.items())
    st.plotly_chart(
        _defend_figures.accuracy_bars(values), key="defend-bars", config=QUIET, alt=f"Test accuracy: {summary}"
    )
    st.caption(
        "The random filter removes as many images at random (mean of five). The perfect filter removes exactly the "
        "poisoned images. The axis does not start at 0."
    )
    if len(verdict.steps) > 1:
        st.markdown(table(verdict.steps))
    names = [_words.plain(name) for name in classes]
    if sentences := by_class.class_sentences(verdict, names):
        st.markdown(sentences)
        with st.expander("Accuracy of each class", icon=":material/table_rows:"):
            st.markdown(by_class.class_markdown(verdict, names))


def sentence(verdict: DefenceVerdict) -> str:
    """How much test accuracy the defences recover, in words."""
    lost = 100 * (verdict.clean.accuracy - verdict.poisoned.accuracy)
    regained = verdict.regained
    if not verdict.steps:
        return f"No defence is selected: the attack costs {fixed(lost)} points."
    is_nothing = round(regained, 1) == 0
    if round(lost, 1) <= 0:
        what = f"{'gain' if regained > 0 else 'cost'} {fixed(abs(regained))} points"
        return f"The attack costs nothing here, and the defences {'change nothing' if is_nothing else what}."
    if is_nothing:
        return f"The attack costs {fixed(lost)} points; the defences recover **none** of them."
    if regained < 0:
        return f"The attack costs {fixed(lost)} points, and the defences cost **{fixed(-regained)} more**."
    if round(regained - lost, 1) > 0:
        more = regained - lost
        return f"The attack costs {fixed(lost)} points; the defences recover **all** of them, and {fixed(more)} more."
    return f"The attack costs {fixed(lost)} points; the defences recover **{fixed(regained)}** of them."


def auc_words(step: DefenceStep) -> str:
    """The area under the ROC curve, where there is one."""
    return "—" if step.auc is None else fixed(step.auc, 3)


def table(steps: Sequence[DefenceStep]) -> str:
    """What each defence removes, as a Markdown table."""
    lines = [
        "| Defence | Removed | Poison detected | Clean removed | Precision | ROC AUC |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for step in steps:
        lines.append(
            f"| {DEFENCES[step.name].title} | {len(step.removed):,} | {step.poison_removed} of {step.n_poison} "
            f"| {step.clean_lost:,} | {percent(step.precision, 0)} | {auc_words(step)} |"
        )
    return "\n".join(lines)
