"""Why this point: everything that is known of the pinned point, scored by a worker once for all points of a run."""

import streamlit as st

from core.catalog.choices import defence_title
from core.experiments.point_scores import PointScores, ranks
from core.presentation import point_table
from core.storage import scored
from core.storage.runs import StoredRun
from core.system.numbers import counted, digits
from pages import _words
from pages._tasks import Wish

SECONDS = 15.0
"""What scoring the points of a run takes, roughly, where its features are there."""
ABOUT = (
    "What this point does to the head, and how suspicious each defence finds it among all points of the training set: "
    "rank 1 is the most suspicious."
)


def wish(run: StoredRun) -> Wish:
    """The scores of all points of a run."""
    return Wish("why", "core.storage.scored:score", run, "The points can't be scored")


def is_waiting(run: StoredRun) -> bool:
    """Whether scores were requested and are not there yet."""
    return wish(run).is_going and not scored.is_there(run.hash)


def card(run: StoredRun, row: int) -> None:
    """The button, the progress, or what is known of a point of a run, by its row."""
    st.subheader("Why this point")
    st.caption(ABOUT)
    scores = scored.find(run.hash)
    if scores is not None:
        wish(run).end()
        show(run, scores, row)
        return
    wish(run).button(
        "Score all points",
        icon="troubleshoot",
        help="Influence, out-of-fold label and every defence, for all points of this run: some ten seconds.",
    )
    wish(run).follow("A worker is scoring all points.", SECONDS)


def show(run: StoredRun, scores: PointScores, row: int) -> None:
    """The numbers of a point, the defences, and the table of all points to download.

    Args:
        run: that has the point.
        scores: of all its points.
        row: of the point.
    """
    classes, n = run.summary.classes, len(scores)
    influence = 1e3 * float(scores.influence[row])
    held_out, label = int(scores.held_out[row]), int(scores.y[row])
    with st.container(horizontal=True):
        st.metric(
            "Influence",
            f"{'+' if influence > 0 else ''}{digits(influence, 3)} ‰",
            place(ranks(scores.influence)[row], n, "harmful"),
            delta_color="off",
            delta_arrow="off",
            help="To first order, by how much one more copy of this point would raise the mean probability with which "
            "the head does not predict the class of a clean training point. Attacks choose their poison by it.",
        )
        st.metric(
            "Loss",
            digits(float(scores.loss[row]), 3),
            place(ranks(scores.loss)[row], n, "surprising"),
            delta_color="off",
            delta_arrow="off",
            help="Cross-entropy of its label under the head that was trained on all points.",
        )
        st.metric(
            "Out-of-fold label",
            _words.plain(classes[held_out]),
            "its label" if held_out == label else f"its label is {_words.plain(classes[label])}",
            delta_color="off",
            delta_arrow="off",
            help="What a head predicts that was trained on four fifths of the training set, without this point.",
        )
        st.metric(
            "Neighbours with its label",
            f"{scores.same_label[row]} of {len(scores.near[row])}",
            help="Of its nearest points in feature space, poison included.",
        )
    removed = [name for name in scores.suspicion if scores.removed[name][row]]
    names = ": " + ", ".join(defence_title(name) for name in removed) if removed else ""
    st.markdown(f"**{len(removed)}** of {counted(len(scores.suspicion), 'defence')} would remove it{names}.")
    rows = [
        {
            "Defence": defence_title(name),
            "Rank": int(ranks(values)[row]),
            "Suspicion": float(values[row]),
            "Removed": "yes" if scores.removed[name][row] else "no",
        }
        for name, values in scores.suspicion.items()
    ]
    st.dataframe(
        sorted(rows, key=lambda line: line["Rank"]),
        key="why-defences",
        hide_index=True,
        alt="Rank and suspicion of the point by every defence, the most suspicious on top",
        column_config={
            "Rank": st.column_config.NumberColumn(help=f"Among {n:,} points; equal suspicion shares the better rank."),
            "Suspicion": st.column_config.NumberColumn(
                format="%.3g", help="In units of the defence; comparable between points only."
            ),
        },
    )
    st.download_button(
        "All points (CSV)",
        lambda: point_table.file(scores, classes, ".csv"),
        f"{run.hash}-all-points.csv",
        "text/csv",
        key="why-csv",
        icon=":material/download:",
        on_click="ignore",
        help="One row for each point, clean and poisoned, with all of these numbers.",
    )


def place(rank: int, n: int, word: str) -> str:
    """A rank in words."""
    return f"{int(rank):,} of {n:,} by how {word}"
