"""Several runs class by class: accuracies and confusion matrices."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.summary import RunSummary
from core.presentation import comparison
from core.system.arrays import Array
from pages import _compare_figures as pictures
from pages import _own, _pick
from pages._compare_runs import QUIET, ComparedRun
from pages._controls import Choice

MOST_CLASSES = 20
PER_CLASS = {
    "lost": "Points lost",
    "poisoned": "Poisoned accuracy",
    "clean": "Clean accuracy",
}
MATRICES = {"change": "Change", "clean": "Clean", "poisoned": "Poisoned"}


@st.fragment
def classes_card(runs: Sequence[ComparedRun]) -> None:
    """Accuracy of each class, side by side where the classes are the same."""
    st.subheader("Accuracy per class")
    shown = _own.segments(
        "measure",
        "Measure",
        Choice(PER_CLASS, "lost"),
        help="Points lost: clean minus poisoned accuracy; negative where accuracy rose.",
    )
    _own.write()
    groups = comparison.grouped([tuple(compared.classes) for compared in runs])
    if len(groups) > 1:
        st.caption("The runs have different classes and are shown in separate charts.")
    for group in ([runs[i] for i in positions] for positions in groups):
        summaries = [compared.run.summary for compared in group]
        lost = [per_class(summary, "lost") for summary in summaries]
        largest = comparison.most_changed(lost, MOST_CLASSES)
        classes = group[0].classes
        if len(largest) < len(classes):
            st.caption(f"The {len(largest)} of {len(classes)} classes with the largest change.")
        values = [[per_class(summary, shown)[i] for i in largest] for summary in summaries]
        names = ", ".join(compared.name for compared in group)
        st.plotly_chart(
            pictures.class_bars(
                values,
                [classes[i] for i in largest],
                [compared.place for compared in group],
                PER_CLASS[shown] + ("" if shown == "lost" else ", %"),
            ),
            key=f"compare-classes-{names}",
            config=QUIET,
            alt=f"{PER_CLASS[shown]} of each class in runs {names}",
        )


def per_class(summary: RunSummary, what: str) -> list[float]:
    """Percent, or points lost, of each class of a run; `what` is a key of `PER_CLASS`."""
    if what == "lost":
        return summary.class_drops()
    return [100 * value for value in (summary.clean if what == "clean" else summary.poisoned).per_class]


@st.fragment
def matrices_card(runs: Sequence[ComparedRun]) -> None:
    """The confusion matrix of each run."""
    st.subheader("Confusion matrix")
    shown = _own.segments(
        "head",
        "Head",
        Choice(MATRICES, "change"),
        help="The head whose predictions are counted; the change is poisoned minus clean.",
    )
    _own.write()
    if shown == "change":
        st.caption(
            "Number of test images, poisoned minus clean. Orange: more than without poison; blue: fewer; empty: no "
            "change."
        )
    else:
        st.caption("Number of test images by true class (rows) and predicted class (columns); the diagonal is correct.")
    counts = {compared.name: matrix_of(compared, shown) for compared in runs}
    limit = max((comparison.largest_confusion(cells) for cells in counts.values() if cells is not None), default=1)
    for start in range(0, len(runs), 2):
        for compared, column in zip(runs[start : start + 2], st.columns(2), strict=False):
            with column:
                st.markdown(compared.mark, unsafe_allow_html=True)
                cells = counts[compared.name]
                if cells is None:
                    st.info("Not stored by this older run; run its experiment again.", icon=":material/history:")
                    continue
                st.plotly_chart(
                    pictures.matrix(
                        cells, compared.classes, limit, is_change=shown == "change", is_dark=_pick.is_dark()
                    ),
                    key=f"compare-matrix-{compared.name}",
                    config=QUIET,
                    alt=f"Confusion matrix of run {compared.name}, {MATRICES[shown].lower()}: true by predicted "
                    "classes",
                )


def matrix_of(compared: ComparedRun, shown: str) -> Array | None:
    """The confusion matrix of the chosen head, or its change; None where the run has not stored it."""
    clean, poisoned = (
        comparison.confusion(score, len(compared.classes))
        for score in (compared.run.summary.clean, compared.run.summary.poisoned)
    )
    if shown != "change":
        return clean if shown == "clean" else poisoned
    return None if clean is None or poisoned is None else poisoned - clean
