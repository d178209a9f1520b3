"""Several runs class by class: accuracies, and what is taken for what."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.summary import RunSummary
from core.presentation import comparison
from core.system.arrays import Array
from pages import _compare_figures as pictures
from pages import _pick
from pages._compare_runs import QUIET, Picked

MOST_CLASSES = 20
PER_CLASS = {
    "lost": "Points lost",
    "poisoned": "Poisoned accuracy",
    "clean": "Clean accuracy",
}
MATRICES = {"change": "Change by the poison", "clean": "Clean", "poisoned": "Poisoned"}


@st.fragment
def classes_card(runs: Sequence[Picked]) -> None:
    """Accuracy of each class, side by side where the classes are the same."""
    st.subheader("Accuracy per class")
    shown = st.segmented_control(
        "Shown per class",
        list(PER_CLASS),
        format_func=PER_CLASS.__getitem__,
        default="lost",
        required=True,
        key="compare-per-class",
        help="Points lost are clean minus poisoned accuracy; below zero the class got better.",
    )
    groups = comparison.grouped([tuple(one.classes) for one in runs])
    if len(groups) > 1:
        st.caption("The runs have different classes, so that they stand below each other.")
    for group in ([runs[i] for i in positions] for positions in groups):
        summaries = [one.run.summary for one in group]
        lost = [per_class(summary, "lost") for summary in summaries]
        kept = comparison.most_changed(lost, MOST_CLASSES)
        classes = group[0].classes
        if len(kept) < len(classes):
            st.caption(f"The {len(kept)} of {len(classes)} classes that change most.")
        values = [[per_class(summary, str(shown))[i] for i in kept] for summary in summaries]
        names = ", ".join(one.name for one in group)
        st.plotly_chart(
            pictures.class_bars(
                values,
                [classes[i] for i in kept],
                [one.place for one in group],
                PER_CLASS[str(shown)] + ("" if shown == "lost" else ", %"),
            ),
            key=f"compare-classes-{names}",
            config=QUIET,
            alt=f"{PER_CLASS[str(shown)]} of each class in runs {names}",
        )


def per_class(summary: RunSummary, what: str) -> list[float]:
    """Percent, or points lost, of each class of a run; `what` is a key of `PER_CLASS`."""
    clean, poisoned = summary.clean.per_class, summary.poisoned.per_class
    if what == "lost":
        return [100 * (before - after) for before, after in zip(clean, poisoned, strict=True)]
    return [100 * value for value in (clean if what == "clean" else poisoned)]


@st.fragment
def matrices_card(runs: Sequence[Picked]) -> None:
    """What is taken for what, in each run."""
    st.subheader("What is taken for what")
    shown = str(
        st.segmented_control(
            "Test images counted",
            list(MATRICES),
            format_func=MATRICES.__getitem__,
            default="change",
            required=True,
            key="compare-matrices",
            help="Counts of test images by what they are and what the model says; the change is poisoned minus clean.",
        )
    )
    if shown == "change":
        st.caption("Orange: so many more test images than without poison. Blue: so many fewer. Empty: as before.")
    else:
        st.caption("Test images of each class (rows) by what the model says (columns). On the diagonal it is right.")
    counts = {one.name: matrix_of(one, shown) for one in runs}
    limit = max((comparison.largest_confusion(cells) for cells in counts.values() if cells is not None), default=1)
    for start in range(0, len(runs), 2):
        for one, column in zip(runs[start : start + 2], st.columns(2), strict=False):
            with column:
                st.markdown(one.mark, unsafe_allow_html=True)
                cells = counts[one.name]
                if cells is None:
                    st.info("Not stored by this older run; run it again.", icon=":material/history:")
                    continue
                st.plotly_chart(
                    pictures.matrix(cells, one.classes, limit, is_change=shown == "change", is_dark=_pick.is_dark()),
                    key=f"compare-matrix-{one.name}",
                    config=QUIET,
                    alt=f"Confusion matrix of run {one.name}, {MATRICES[shown].lower()}: true by predicted classes",
                )


def matrix_of(one: Picked, shown: str) -> Array | None:
    """The counts that were asked for; None where the run has not stored them."""
    clean, poisoned = (
        comparison.confusion(score, len(one.classes)) for score in (one.run.summary.clean, one.run.summary.poisoned)
    )
    if shown != "change":
        return clean if shown == "clean" else poisoned
    return None if clean is None or poisoned is None else poisoned - clean
