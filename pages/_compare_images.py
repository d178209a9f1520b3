"""What became of the same base images in each of several runs."""

from collections.abc import Sequence

import streamlit as st

from core.presentation import comparison
from pages import _compare_figures as pictures
from pages import _words
from pages._compare_runs import Picked

PER_PAGE = 12
SCROLL_HEIGHT = 545


@st.fragment
def images_card(runs: Sequence[Picked]) -> None:
    """What became of the same base image in each run."""
    st.subheader("Images")
    without = [one.name for one in runs if one.poison_x is None]
    runs = [one for one in runs if one.poison_x is not None]
    if without:
        are = "make" if len(without) > 1 else "makes"
        st.caption(f"{' and '.join(without)} {are} no images: such an attack ends with feature vectors.")
    if not runs:
        return
    shared = comparison.shared_bases([one.plot for one in runs])
    if shared:
        shown = " | ".join(["the base image", *(f"poison of {one.name}" for one in runs)])
        st.caption(
            f"{len(shared):,} base images are used by more than one run. From left to right: {shown}. A cross: not "
            "among the base images of that run."
        )
        same_bases(runs, shared)
        return
    if len(runs) > 1:
        st.caption("These runs share no base image; here are images of each: base image | poison.")
    for one, column in zip(runs, st.columns(len(runs)), strict=True):
        with column:
            st.markdown(one.mark, unsafe_allow_html=True)
            rows = range(min(PER_PAGE, one.run.summary.n_poison))
            captions = [caption([one], (row,)) for row in rows]
            with st.container(height=SCROLL_HEIGHT, border=False, horizontal=True):
                pairs = [pictures.strip([one.base(row), one.poison(row)]) for row in rows]
                st.image(pairs, caption=captions, alt=[alt(words) for words in captions])


def same_bases(runs: Sequence[Picked], shared: Sequence[tuple[int | None, ...]]) -> None:
    """One strip a base image, page by page."""
    page = 1
    if len(shared) > PER_PAGE:
        page = st.pagination(-(-len(shared) // PER_PAGE), key="compare-images-page")
    strips, captions = [], []
    for rows in shared[(page - 1) * PER_PAGE : page * PER_PAGE]:
        base = next(one.base(row) for one, row in zip(runs, rows, strict=True) if row is not None)
        poisons = [None if row is None else one.poison(row) for one, row in zip(runs, rows, strict=True)]
        strips.append(pictures.strip([base, *poisons]))
        captions.append(caption(runs, rows))
    with st.container(height=SCROLL_HEIGHT, border=False, key="compare-images"):
        st.image(strips, caption=captions, alt=[alt(words) for words in captions])


def caption(runs: Sequence[Picked], rows: Sequence[int | None]) -> str:
    """What the base image shows and what each run labels it."""
    told, base = [], ""
    for one, row in zip(runs, rows, strict=True):
        if row is None or one.plot is None:
            continue
        old, new = (_words.plain(one.classes[int(y[row])]) for y in (one.plot.base_y, one.plot.poison_y))
        base = f"**{old}**"
        told.append(f"{one.name}: {'label kept' if old == new else new}")
    return f"{base} · {' · '.join(told)}"


def alt(words: str) -> str:
    """A caption without Markdown."""
    return f"A base image and its poison in each run; {words}".replace("**", "").replace("\\", "")
