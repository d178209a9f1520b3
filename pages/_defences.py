"""Defences as the pages share them: chosen, judged by a worker, and told in words and numbers."""

from collections.abc import Sequence

import streamlit as st

from core.defences.chain import Chain, as_text, parse_chain
from core.defences.registry import RECORDS as DEFENCES
from core.defences.settings import SHARE
from core.defences.verdict import DefenceStep, DefenceVerdict
from core.experiments import cost
from core.storage import defended, features
from core.storage.runs import StoredRun
from core.system.errors import SpecError
from pages import _defend_figures, _runs, _tasks

QUIET = {"displayModeBar": False}
WAIT_SECONDS = 0.7
SHARES = (1, 2, 3, 5, 10, 15, 20)
"""How much each may remove, in percent."""


def chain_of(names: Sequence[str], share: int) -> Chain:
    """The defences with these names, each that removes a share with this one, in percent."""
    texts = [
        f"{name}:share={share / 100:g}" if "share" in DEFENCES[name].settings.model_fields else name for name in names
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
        help="Several are chained: each goes over what the one before has left.",
    )
    return [name for name in DEFENCES if name in names]


def slider(*, widget: str) -> int:
    """How much each removes, in percent."""
    return int(
        st.select_slider(
            "Removed by each, %",
            SHARES,
            key=widget,
            width=320,
            help="The most suspicious part of each class. A defender doesn't know the attacker's budget. The range "
            "check and the label issues decide by themselves how much goes.",
        )
    )


def about(names: Sequence[str]) -> None:
    """What each does, a line for each."""
    for name in names:
        st.caption(f"**{DEFENCES[name].title}**: {DEFENCES[name].summary} {DEFENCES[name].source}")


def words(chain: Chain) -> str:
    """A chain in one line."""
    told = [DEFENCES[one.name].title + (f" ({100 * one.share:g} %)" if hasattr(one, "share") else "") for one in chain]
    return ", then ".join(told) or "none"


def share_of(chain: Chain) -> int:
    """What each defence of a chain removes, in percent."""
    return round(100 * next((one.share for one in chain if hasattr(one, "share")), SHARE))


def query(run: StoredRun, chain: Chain) -> dict[str, str]:
    """The link to a chain on a run, on the page of defences."""
    return {"run": run.hash, "with": ",".join(one.name for one in chain), "share": str(share_of(chain))}


def ask(run: StoredRun, chain: Chain) -> str | None:
    """Have a chain judged, once; what went wrong, if anything did."""
    key, texts = defended.key(run.hash, chain), [as_text(one) for one in chain]
    return _tasks.run(key, "core.storage.defended:judge", run.hash, texts)


def trouble(problem: str, *, widget: str) -> None:
    """What went wrong, and a way on."""
    _tasks.show_problem(problem, title="The defences can't be judged", widget=widget)


def wait_words(run: StoredRun) -> str:
    """What is being waited for."""
    if features.has_features(run):
        return "A worker goes over the training set and trains the head anew."
    try:
        seconds = _runs.seconds_words(cost.total(run.spec))
    except SpecError as error:  # what made it is not here any more
        return f"This run ships without its features, and can't be computed again here. {error}"
    return f"This run ships without its features: a worker computes them first, which takes about {seconds}, once."


def verdict(judged: DefenceVerdict) -> None:
    """The numbers: what was found, and what it is worth."""
    whole = judged.whole
    clean, poisoned, after = (score.accuracy for score in (judged.clean, judged.poisoned, judged.defended))
    with st.container(horizontal=True):
        st.metric(
            "Poison found", f"{whole.poison_removed} of {whole.n_poison}", help="Poisoned images that are removed."
        )
        st.metric("Clean images lost", f"{whole.clean_lost:,}", help="Clean images that are removed with them.")
        st.metric("Precision", f"{100 * whole.precision:.0f} %", help="Of what is removed, the part that is poison.")
        st.metric("Accuracy", f"{100 * after:.1f} %", f"{judged.regained:+.1f} points", help="Of the defended head.")
    st.markdown(sentence(judged))
    values = {"Poisoned": poisoned, "Random filter": judged.random, "Defended": after, "Perfect filter": clean}
    told = ", ".join(f"{name} {100 * value:.1f} %" for name, value in values.items())
    st.plotly_chart(
        _defend_figures.accuracy_bars(values), key="defend-bars", config=QUIET, alt=f"Test accuracy: {told}"
    )
    st.caption(
        "The random filter removes as many images without looking (mean of five). The perfect filter removes the "
        "poison and nothing else. The axis does not begin at 0."
    )
    if len(judged.steps) > 1:
        st.markdown(table(judged.steps))


def sentence(verdict: DefenceVerdict) -> str:
    """What the defences are worth, in words."""
    lost = 100 * (verdict.clean.accuracy - verdict.poisoned.accuracy)
    regained = verdict.regained
    if not verdict.steps:
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


def auc_words(step: DefenceStep) -> str:
    """The area under the ROC curve, where there is one."""
    return "—" if step.auc is None else f"{step.auc:.3f}"


def table(steps: Sequence[DefenceStep]) -> str:
    """What each defence has removed, as Markdown."""
    lines = [
        "| Defence | Removed | Poison found | Clean lost | Precision | ROC AUC |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for step in steps:
        lines.append(
            f"| {DEFENCES[step.name].title} | {len(step.removed):,} | {step.poison_removed} of {step.n_poison} "
            f"| {step.clean_lost:,} | {100 * step.precision:.0f} % | {auc_words(step)} |"
        )
    return "\n".join(lines)
