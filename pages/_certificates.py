"""Certified accuracy of heads trained on a run's clean data: a card of the page Defend."""

from collections.abc import Sequence

import streamlit as st

from core.catalog.differences import value_text
from core.certificates import PARTITIONS
from core.certificates.certificate import Certificates
from core.storage import certified
from core.storage.runs import StoredRun
from core.system.numbers import counted, fixed, named, percent
from pages import _certificate_figures, _defences, _own, _runs
from pages._controls import Choice, Whole
from pages._tasks import Wish

CHOICES = (25, 50, 100, 200)
SECONDS = 30.0
"""What the certificates of a run of the default size take, roughly."""
INTRODUCTION = (
    "A filter that stops one attack guarantees nothing against the next. A **certificate** does: it bounds the effect "
    "of *any* attack of a given size. The price is a lower accuracy without an attack."
)
ADDED_WORDS = (
    "The training set is partitioned by a hash of each point, one head is trained on each part, and the heads vote. An "
    "added point affects one head only, so a lead of g votes withstands any g/2 added points. The accuracy of a "
    "*single* head under an attack is no bound: another attack may do more damage."
)
FLIPPED_WORDS = (
    "Here the attacker adds no points but flips labels of clean images. Randomised smoothing: {heads} heads, each "
    "trained on labels of which {q} are resampled at random, vote; a few more flips hardly change such labels. "
    "Holds with 99.9 % confidence for each image."
)


def wish(run: StoredRun, heads: int) -> Wish:
    """The certificates of ensembles of so many heads."""
    return Wish("certify", "core.storage.certified:certify", run, "This can't be certified", (heads,))


def is_waiting(run: StoredRun) -> bool:
    """Whether a certificate was requested that is not computed yet."""
    return any(wish(run, heads).is_going and certified.find(run.hash, heads) is None for heads in CHOICES)


def card(run: StoredRun) -> None:
    """The button, the progress, or both certificates."""
    st.subheader("Certified accuracy")
    st.markdown(INTRODUCTION)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        partitions = _own.ask("heads", Choice({count: str(count) for count in CHOICES}, PARTITIONS))
        st.segmented_control(
            "Heads in the ensemble",
            CHOICES,
            required=True,
            key=_own.widget("heads"),
            help="More heads withstand more added points, but each is trained on fewer.",
        )
        certificates = certified.find(run.hash, partitions)
        if certificates is None:
            wish(run, partitions).button(
                "Certify",
                icon="verified_user",
                help="Trains hundreds of heads as one batch: seconds to a minute, depending on the machine.",
            )
    if certificates is not None:
        wish(run, partitions).end()
        both(run, certificates)
        _own.write()
        return
    wish(run, partitions).follow("A worker is training the ensemble.", SECONDS)
    _own.write()


def both(run: StoredRun, certificates: Certificates) -> None:
    """What is guaranteed against so many bad images, and both certificates beside each other."""
    n, m = run.summary.n_train, run.summary.n_poison
    added, flipped = certificates.added, certificates.flipped
    runs, here = attacks(run)
    end = max(len(added.certified) - 1, 1)
    bad = _own.ask("bad", Whole(0, end, min(m, end)))
    st.slider(
        "How many bad images?",
        0,
        end,
        key=_own.widget("bad"),
        help=f"Whatever they are, and whoever made them. This run has {m:,}; from {end:,} on, nothing is guaranteed.",
    )
    left, right = st.columns(2)
    with left.container(border=True):
        st.metric(
            f"Guaranteed accuracy with {counted(bad, 'image')} added",
            percent(added.at(bad)),
            help="Certified accuracy: the share of the test images that every such attack leaves right.",
        )
        st.markdown(
            f"Under this attack, with {counted(m, 'point')} added, the ensemble reaches {percent(added.attacked)}, a "
            f"single head {percent(run.summary.poisoned.accuracy)}. Without an attack: {fixed(100 * added.clean)} and "
            f"{percent(run.summary.clean.accuracy)}."
        )
        st.plotly_chart(
            _certificate_figures.added_figure(added, n, runs, here, bad),
            key="certify-added",
            config=_defences.QUIET,
            alt=f"Certified accuracy falls from {percent(added.certified[0])} to nothing at "
            f"{len(added.certified) - 1} points added; dots are attacks.",
        )
        st.caption("A partition and a vote of many heads.", help=ADDED_WORDS)
    with right.container(border=True):
        st.metric(
            f"Guaranteed accuracy with {counted(bad, 'label')} flipped",
            percent(flipped.at(bad)),
            help="Of an ensemble of its own, against an attacker who adds nothing but flips labels of clean images.",
        )
        last = len(flipped.certified) - 2
        st.markdown(
            f"The ensemble's accuracy is {percent(flipped.clean)}; some images are certified up to "
            f"**{max(last, 0)}** flipped {named(max(last, 0), 'label')}."
        )
        st.plotly_chart(
            _certificate_figures.flipped_figure(flipped, n, run.summary.clean.accuracy, bad),
            key="certify-flipped",
            config=_defences.QUIET,
            alt=f"Certified accuracy falls from {percent(flipped.certified[0])} to nothing at {last + 1} flipped "
            "labels; the dotted line is a single head.",
        )
        words = FLIPPED_WORDS.format(heads=flipped.noise.heads, q=percent(flipped.noise.q, 0))
        st.caption("Randomised smoothing of the labels.", help=words)


def attacks(run: StoredRun) -> tuple[Sequence[tuple[str, int, float]], int]:
    """Every stored attack on the same clean data, preceded by no attack at all; the position of this run."""
    same = (
        "data",
        "extractor",
        "train_size",
        "test_size",
        "seed",
        "ridge",
        "input_size",
        "side",
        "train_domain",
        "test_domain",
    )
    spec, points = run.spec, [("No poison", 0, run.summary.clean.accuracy)]
    here = 0
    for row in _runs.listed({run.hash}):
        other = None
        if (row.data, row.extractor, row.seed) == (spec.data, spec.extractor, spec.seed):
            other = _runs.find(row.hash)
        if other is None or any(getattr(other.spec, name) != getattr(spec, name) for name in same):
            continue
        if row.hash == run.hash:
            here = len(points)
        words = f"{value_text('attack', row.attack)}, {row.constraint}"
        points.append((words, other.summary.n_poison, row.poisoned_accuracy))
    return points, here
