"""The card of images: pairs of base and poison, and the test images that are newly misread, by a component."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from core.experiments.plot_data import PlotData
from core.presentation import captions, image_cards
from core.presentation.figures.sheets import COLUMNS, ImageSheet
from core.presentation.maps.scene import packed
from core.storage import misread
from core.storage.runs import StoredRun
from core.system.errors import PoisonLabError
from core.system.paths import results
from pages import _components, _map, _misread, _own, _runs
from pages._controls import Choice

KEY = "images"
VIEW, ROW = "show", "images-row"
"""The key of the link that names the view; the key of the selected row in the session."""
VIEWS = {"poison": "Poison", "misread": "Newly misread"}


@st.fragment
def images_card(run: StoredRun, plot: PlotData) -> None:
    """What the attacker adds, or what it makes of the test."""
    if heading() == "misread":
        _show_misread(run)
    else:
        _show_pairs(run, plot)
    _own.write()


def heading(*, is_preview: bool = False) -> str:
    """The heading of the card, with the choice of what it shows: a key of `VIEWS`.

    Args:
        is_preview: whether a run goes, so that there is no choice yet; what was chosen is shown again after it.
    """
    view, key = "poison", _own.widget(VIEW)
    if is_preview:
        st.session_state[f"{key}-so-far"] = view
    else:
        view = _own.ask(VIEW, Choice(VIEWS, view))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Images", width="content")
        st.segmented_control(
            "Images to show",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            required=True,
            key=f"{key}-so-far" if is_preview else key,
            label_visibility="collapsed",
            width="content",
            disabled=is_preview,
            help="The poisoned images, or the test images that they make the head misread, known once a run has ended.",
        )
    return view


def _show_pairs(run: StoredRun, plot: PlotData) -> None:
    """Base images beside the poisoned images made from them."""
    root, summary = str(results()), run.summary
    rows = image_cards.sheet_rows(plot, *_wanted(run, plot))
    data = image_cards.pair_data(plot, summary.classes, run=run.hash, factor=_runs.amplification(root, run.hash))
    notes = (
        captions.decoder_caption(summary.notes),
        captions.evasion_caption(summary),
        captions.starts_caption(summary),
    )
    draw(
        {**data, "notes": [note for note in notes if note], "remark": captions.pairs_remark(plot)},
        _runs.pair_sheet(root, run.hash, tuple(rows)),
        rows,
        _selected(run, plot),
    )


def _show_misread(run: StoredRun) -> None:
    """Test images that are right without the poison and wrong with it."""
    found = misread.find(run.hash)
    if found is None:
        _misread.wait(run)
        return
    remark = captions.misread_remark(run.summary, found)
    if not found.rows:
        st.caption(remark)
        return
    try:
        sheet = _runs.test_sheet(str(results()), run.hash, found.rows)
    except PoisonLabError as error:
        st.error(str(error), title="The test images can't be shown", icon=":material/broken_image:")
        return
    summary = run.summary
    data = image_cards.misread_data(found, summary.classes, run=run.hash, n_clean=summary.n_train)
    draw({**data, "notes": [], "remark": remark}, sheet, range(len(found.rows)), None)


def draw(data: Mapping[str, object], sheet: ImageSheet, items: Sequence[int], selected: int | None) -> None:
    """Mount the component.

    Args:
        data: what it shows.
        sheet: with the images of some items.
        items: which these are, in the order of the sheet.
        selected: the item that is shown first; None for the first of the order.
    """
    component = _components.component(KEY)
    component(
        key=KEY,
        data={
            "cards": data,
            "selected": selected,
            "sheet": {
                "url": _map.media_url(sheet.content, "image/png", f"images-{data['run']}-{data['kind']}"),
                "items": packed(np.asarray(items), "<i4"),
                "columns": COLUMNS,
                **{"width": sheet.width, "height": sheet.height, "each": sheet.each},
            },
        },
        on_wanted_change=_nothing,
        on_row_change=_turn_to_pairs,
    )


def _nothing() -> None:
    """Another sheet is wanted, which is drawn anew."""


def _turn_to_pairs() -> None:
    """A point of the map was selected while other images are shown; for callbacks."""
    st.session_state[_own.widget(VIEW)] = "poison"
    st.session_state[ROW] = _map.told(KEY, "row")


def _wanted(run: StoredRun, plot: PlotData) -> tuple[str, int]:
    """The order and the place in it whose images the browser lacks, the first place of all if it has asked for none."""
    match _map.told(KEY, "wanted"):
        case [run.hash, str(order), int(place)] if (
            order in image_cards.pair_orders(plot) and 0 <= place < plot.n_poison
        ):
            return order, place
    return next(iter(image_cards.ORDERS)), 0


def _selected(run: StoredRun, plot: PlotData) -> int | None:
    """The poisoned sample that the map has selected: itself, or its base image."""
    match st.session_state.get(ROW):
        case [run.hash, int(row), *_] if plot.n_clean <= row < plot.n_clean + plot.n_poison:
            return row - plot.n_clean
        case [run.hash, int(row), *_] if row in plot.base_index:
            return int(np.flatnonzero(plot.base_index == row)[0])
    return None
