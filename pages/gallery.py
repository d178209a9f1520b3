"""The shipped experiments, grouped by what they show, to open in the lab."""

import streamlit as st

from core.storage import gallery
from core.storage.runs import StoredRun
from core.system.errors import StoreError
from core.system.numbers import fixed, named, percent
from core.system.paths import results
from pages import _runs, _sidebar, _state

COLUMNS = 3
SHOWN = 4
INTRODUCTION = (
    "Finished experiments to open in the lab, where their settings can be changed. They are small enough for a laptop: "
    "`python -m core gallery --again` recomputes all of them and reports whether any number has changed."
)


def card(entry: gallery.Entry, run: StoredRun) -> None:
    """One experiment: images, accuracies, and a button to open it."""
    clean, poisoned = (score.accuracy for score in (run.summary.clean, run.summary.poisoned))
    st.markdown(f"**{entry.title}**")
    pictures(run)
    lost = run.summary.drop()
    st.markdown(
        f"{percent(clean)} → {percent(poisoned)}  \n**{fixed(abs(lost))} points {'lost' if lost >= 0 else 'gained'}**"
    )
    st.caption(_runs.words(entry.spec))
    opened = st.button(
        "Open",
        key=f"open-{run.hash}",
        icon=":material/science:",
        on_click=_sidebar.choose,
        args=(_state.from_spec(entry.spec),),
        help="Opens it in the lab.",
    )
    if opened:
        st.switch_page("lab.py", query_params=_state.to_query(_state.from_spec(entry.spec)))


def pictures(run: StoredRun) -> None:
    """Some of its poisoned images, or a caption where there are none."""
    try:
        plot = _runs.plot(run.hash)
    except StoreError as error:
        st.caption(str(error))
        return
    if not plot.makes_images:
        st.caption("Feature vectors: no images.")
        return
    st.image(
        _runs.samples(str(results()), run.hash, SHOWN),
        width="stretch",
        alt=f"{SHOWN} of {plot.n_poison} poisoned images",
    )


st.title("Gallery")
st.markdown(INTRODUCTION)
for title, group in gallery.GROUPS.items():
    st.subheader(title)
    stored = [(entry, run) for entry in group if (run := _runs.find(entry.spec.hash)) is not None]
    for start in range(0, len(stored), COLUMNS):
        columns = st.columns(COLUMNS)
        for column, (entry, run) in zip(columns, stored[start : start + COLUMNS], strict=False):
            with column.container(border=True, height="stretch"):
                card(entry, run)
    if len(stored) < len(group):
        lacking = len(group) - len(stored)
        st.caption(
            f"{lacking} {named(lacking, 'is', 'are')} not stored here: `python -m core gallery` computes "
            f"{named(lacking, 'it', 'them')}."
        )
