"""What is certain of a run's clean data, whatever the attack: a card of the page of defences."""

from collections.abc import Sequence

import streamlit as st

from core.catalog.differences import value_text
from core.certificates import PARTITIONS
from core.certificates.certificate import Certificates
from core.storage import certified, features
from core.storage.runs import StoredRun
from pages import _certificate_figures, _defences, _runs, _tasks

CHOICES = (25, 50, 100, 200)
INTRODUCTION = (
    "A filter that stops one attack promises nothing about the next. A **certificate** does: it bounds what *any* "
    "attack of a size can do. The price is paid at once, in accuracy without any poison."
)
ADDED_WORDS = (
    "The training set is cut into parts by a hash of each point, and one head is trained on each; they vote. A point "
    "that is added reaches one head only, so that a lead of g votes stands against g/2 points, be they what they may. "
    "What an attack leaves of a *single* head is no bound: the next attack may do worse."
)
FLIPPED_WORDS = (
    "Here the attacker adds nothing, but flips labels of clean images. {heads} heads are trained, each on labels of "
    "which {q:.0f} % are drawn anew, and vote: a few flips more hardly change what such noise does. With 99.9 % "
    "confidence for each image."
)


def is_waiting(run: StoredRun) -> bool:
    """Whether a certificate was asked for that is not there yet."""
    asked: tuple[str, int] | None = st.session_state.get("certify-asked")
    if asked is None:
        return False
    spec_hash, partitions = asked
    return spec_hash == run.hash and certified.find(spec_hash, partitions) is None


def card(run: StoredRun) -> None:
    """The button, the wait, or both certificates."""
    st.subheader("What no attack can take")
    st.markdown(INTRODUCTION)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        partitions = st.segmented_control(
            "Heads that vote",
            CHOICES,
            default=PARTITIONS,
            required=True,
            key="certify-partitions",
            help="More heads stand against more points, but each learns from fewer.",
        )
        found = certified.find(run.hash, partitions)
        if found is None:
            st.button(
                "Certify",
                key="certify",
                icon=":material/verified_user:",
                on_click=st.session_state.update,
                args=({"certify-asked": (run.hash, partitions)},),
                help="Trains hundreds of heads as one batch: seconds to a minute, depending on the machine.",
            )
    if found is not None:
        if st.session_state.pop("certify-waiting", False):
            st.rerun()  # the page, so that it need not be drawn again and again any more
        both(run, found)
    elif st.session_state.get("certify-asked") == (run.hash, partitions):
        if not st.session_state.get("certify-waiting"):
            st.session_state["certify-waiting"] = True
            st.rerun()  # the button has drawn this part alone, once
        key = f"certify-{run.hash}-{partitions}"
        problem = _tasks.run(key, "core.storage.certified:certify", run.hash, partitions)
        if problem:
            _tasks.show_problem(problem, title="This can't be certified", widget="certify-again")
        else:
            words = "A worker trains the heads that vote."
            st.info(words if features.has_features(run) else _defences.wait_words(run), icon=":material/hourglass_top:")


def both(run: StoredRun, certificates: Certificates) -> None:
    """One certificate beside the other."""
    n, m = run.summary.n_train, run.summary.n_poison
    added, flipped = certificates.added, certificates.flipped
    runs, here = attacks(run)
    certain = added.at(m)
    left, right = st.columns(2)
    with left.container(border=True):
        st.markdown("**Points added**")
        st.markdown(
            f"With {m:,} points added, **{100 * certain:.1f} %** is certain for the vote. Under this run's poison it "
            f"has {100 * added.attacked:.1f} %, a single head {100 * run.summary.poisoned.accuracy:.1f} %. "
            f"Without poison: {100 * added.clean:.1f} and {100 * run.summary.clean.accuracy:.1f} %."
        )
        st.plotly_chart(
            _certificate_figures.added_figure(added, n, runs, here),
            key="certify-added",
            config=_defences.QUIET,
            alt=f"Certified accuracy falls from {100 * added.certified[0]:.1f} % to nothing at "
            f"{len(added.certified) - 1} points added; dots are attacks.",
        )
        st.caption(ADDED_WORDS)
    with right.container(border=True):
        st.markdown("**Labels flipped**")
        last = len(flipped.certified) - 2
        st.markdown(
            f"The vote has {100 * flipped.clean:.1f} % and is certain of some images up to **{max(last, 0)}** "
            f"flipped labels."
        )
        st.plotly_chart(
            _certificate_figures.flipped_figure(flipped, n, run.summary.clean.accuracy),
            key="certify-flipped",
            config=_defences.QUIET,
            alt=f"Certified accuracy falls from {100 * flipped.certified[0]:.1f} % to nothing at {last + 1} flipped "
            "labels; the dotted line is a single head.",
        )
        st.caption(FLIPPED_WORDS.format(heads=flipped.noise.heads, q=100 * flipped.noise.q))


def attacks(run: StoredRun) -> tuple[Sequence[tuple[str, int, float]], int]:
    """Every stored attack on the same clean data, without poison first, and the place of this run."""
    same = (
        "data",
        "extractor",
        "train_size",
        "test_size",
        "seed",
        "ridge",
        "input_size",
        "train_domain",
        "test_domain",
    )
    spec, found = run.spec, [("No poison", 0, run.summary.clean.accuracy)]
    here = 0
    for row in _runs.listed({run.hash}):
        other = None
        if (row.data, row.extractor, row.seed) == (spec.data, spec.extractor, spec.seed):
            other = _runs.find(row.hash)
        if other is None or any(getattr(other.spec, name) != getattr(spec, name) for name in same):
            continue
        if row.hash == run.hash:
            here = len(found)
        words = f"{value_text('attack', row.attack)}, {row.constraint}"
        found.append((words, other.summary.n_poison, row.poisoned_accuracy))
    return found, here
