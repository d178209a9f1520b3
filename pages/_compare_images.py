"""The poisoned images that each run made from the same base images."""

from collections.abc import Sequence

import streamlit as st

from core.presentation import comparison
from pages import _compare_figures as pictures
from pages import _own, _words
from pages._compare_runs import ComparedRun
from pages._controls import Whole

PER_PAGE = 12
SCROLL_HEIGHT = 545


@st.fragment
def images_card(runs: Sequence[ComparedRun]) -> None:
    """The poisoned images that each run made from the same base image."""
    st.subheader("Images")
    without = [compared.name for compared in runs if compared.poison_x is None]
    runs = [compared for compared in runs if compared.poison_x is not None]
    if without:
        are = "make" if len(without) > 1 else "makes"
        st.caption(f"{' and '.join(without)} {are} no images: the attack produces feature vectors.")
    if not runs:
        return
    shared = comparison.shared_bases([compared.plot for compared in runs])
    if shared:
        shown = " | ".join(["the base image", *(f"poisoned image of {compared.name}" for compared in runs)])
        st.caption(
            f"{len(shared):,} base images are used by more than one run. From left to right: {shown}. A cross: "
            "not a base image of that run. Label kept: the poisoned image has the label of its base image."
        )
        same_bases(runs, shared)
        _own.write()
        return
    if len(runs) > 1:
        st.caption("These runs share no base image. Images of each run: base image | poisoned image.")
    for compared, column in zip(runs, st.columns(len(runs)), strict=True):
        with column:
            st.markdown(compared.mark, unsafe_allow_html=True)
            rows = range(min(PER_PAGE, compared.run.summary.n_poison))
            captions = [caption([compared], (row,)) for row in rows]
            with st.container(height=SCROLL_HEIGHT, border=False, horizontal=True):
                pairs = [pictures.strip([compared.base(row), compared.poison(row)]) for row in rows]
                st.image(pairs, caption=captions, alt=[alt(words) for words in captions])


def same_bases(runs: Sequence[ComparedRun], shared: Sequence[tuple[int | None, ...]]) -> None:
    """One strip a base image, page by page."""
    pages = -(-len(shared) // PER_PAGE)
    page = _own.ask("page", Whole(1, pages, 1) if pages > 1 else None) or 1
    if pages > 1:
        st.pagination(pages, default=page, key=_own.widget("page"))
    strips, captions = [], []
    for rows in shared[(page - 1) * PER_PAGE : page * PER_PAGE]:
        base = next(compared.base(row) for compared, row in zip(runs, rows, strict=True) if row is not None)
        poisoned = [None if row is None else compared.poison(row) for compared, row in zip(runs, rows, strict=True)]
        strips.append(pictures.strip([base, *poisoned]))
        captions.append(caption(runs, rows))
    with st.container(height=SCROLL_HEIGHT, border=False, key="compare-images"):
        st.image(strips, caption=captions, alt=[alt(words) for words in captions])


def caption(runs: Sequence[ComparedRun], rows: Sequence[int | None]) -> str:
    """What the base image shows and what each run labels it."""
    labels, base = [], ""
    for compared, row in zip(runs, rows, strict=True):
        if row is None or compared.plot is None:
            continue
        old, new = (_words.plain(compared.classes[int(y[row])]) for y in (compared.plot.base_y, compared.plot.poison_y))
        base = f"**{old}**"
        labels.append(f"{compared.name}: {'label kept' if old == new else new}")
    return f"{base} · {' · '.join(labels)}"


def alt(words: str) -> str:
    """A caption without Markdown."""
    return f"A base image and its poisoned version in each run; {words}".replace("**", "").replace("\\", "")
