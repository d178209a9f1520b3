"""The shipped experiments, grouped by what they show, to filter and to open in the lab."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.storage import gallery
from core.storage.runs import StoredRun
from core.system.errors import StoreError
from core.system.numbers import counted, fixed, named, percent
from core.system.paths import results
from pages import _gallery_facets, _own, _runs, _sidebar, _state
from pages._controls import Choice
from pages._words import plain

COLUMNS = 3
SHOWN = 4
ORDERS = {"theme": "By theme", "damage": "Largest loss first"}
Shipped = tuple[str, gallery.Entry, StoredRun]
"""The title of its group, the experiment, and its run."""
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
    st.caption(plain(_gallery_facets.special(entry.spec, gallery.entries()[0].spec)), help=_runs.words(entry.spec))
    opened = st.button(
        "Open",
        key=f"open-{run.hash}",
        icon=":material/science:",
        on_click=choose,
        args=(entry,),
        help="Opens it in the lab.",
    )
    if opened:
        st.switch_page("lab.py", query_params=_state.to_query(_state.from_spec(entry.spec)))


def choose(entry: gallery.Entry) -> None:
    """Set the controls to an experiment; for callbacks, as asking for the controls of all cards takes long."""
    _sidebar.choose(_state.from_spec(entry.spec))


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


def filters(stored: Sequence[Shipped]) -> list[Shipped]:
    """The experiments that fit what is chosen in the facets, all where nothing is."""
    known = [_gallery_facets.facets(entry.spec, run.summary) for _, entry, run in stored]
    chosen = {}
    with st.container(horizontal=True, key="gallery-filters"):
        for facet, title in _gallery_facets.FACETS.items():
            options = _gallery_facets.options(known, facet)
            _own.ask(facet, _own.Several(options, []))
            chosen[facet] = st.pills(
                title,
                options,
                selection_mode="multi",
                format_func=partial(_gallery_facets.words, facet),
                key=_own.widget(facet),
                help="Several are joined by “or”; nothing chosen means all.",
                width="content",
            )
    order = Choice(ORDERS, "theme")
    _own.ask("order", order)
    st.segmented_control(
        "Order",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        key=_own.widget("order"),
        required=True,
        help="By theme, or one list from the largest loss to the smallest.",
    )
    return [shipped for shipped, values in zip(stored, known, strict=True) if _gallery_facets.fits(values, chosen)]


def cards(shown: Sequence[Shipped]) -> None:
    """Experiments side by side."""
    for start in range(0, len(shown), COLUMNS):
        for column, (_, entry, run) in zip(st.columns(COLUMNS), shown[start : start + COLUMNS], strict=False):
            with column.container(border=True, height="stretch"):
                card(entry, run)


st.title("Gallery")
st.markdown(INTRODUCTION)
everything = [
    (group, entry, run)
    for group, members in gallery.GROUPS.items()
    for entry in members
    if (run := _runs.find(entry.spec.hash)) is not None
]
shown = filters(everything) if everything else []
total = len(gallery.entries())
if everything:
    st.caption(f"{len(shown)} of {counted(len(everything), 'experiment')}.")
if everything and not shown:
    st.info("No shipped experiment has all of this. Choose less above.", icon=":material/filter_alt_off:")
elif everything and st.session_state[_own.widget("order")] == "damage":
    cards(sorted(shown, key=lambda shipped: -shipped[2].summary.drop()))
else:
    for title in gallery.GROUPS:
        members = [shipped for shipped in shown if shipped[0] == title]
        if members:
            st.subheader(title)
            cards(members)
if len(everything) < total:
    lacking = total - len(everything)
    st.caption(
        f"{lacking} {named(lacking, 'is', 'are')} not stored here: `python -m core gallery` computes "
        f"{named(lacking, 'it', 'them')}."
    )
