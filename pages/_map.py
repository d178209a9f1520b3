"""The map of features on a page: a component that draws, hovers, selects and lassoes in the browser."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core.presentation.maps import atlas
from core.presentation.maps.scene import MapScene, packed
from core.system.errors import PoisonLabError
from core.system.paths import results
from pages import _components, _runs

HEIGHT = 480
EVENTS = ("lasso", "picked", "images")
"""What the browser may tell: rows of a lasso, the selected row, that images are wanted."""


def show(
    scene: MapScene | Mapping[str, object],
    *,
    key: str,
    alt: str,
    height: int = HEIGHT,
    big: bool = False,
    images_of: str = "",
    card: bool = True,
    lassoed: Sequence[int] = (),
    pinned: Sequence[int] = (),
    on_lasso: Callable[[], None] | None = None,
    on_pick: Callable[[], None] | None = None,
) -> None:
    """Draw a map.

    Args:
        scene: what it shows, or its plain data.
        key: of the element; `told` reads by it what the browser has told.
        alt: the map in words.
        height: of the picture in pixels.
        big: whether it is for a projector: large names, nothing to select.
        images_of: hash of the run whose images are shown on hovering; empty for none.
        card: whether a card shows the selected point.
        lassoed: rows that stay while others are dim; none dims none.
        pinned: rows in rings.
        on_lasso, on_pick: called after a lasso or a selection; None keeps them in the browser.
    """
    data = scene.as_data() if isinstance(scene, MapScene) else scene
    reports = [
        name
        for name, wanted in (("lasso", on_lasso), ("picked", on_pick), ("images", images_of))
        if wanted is not None and wanted != ""
    ]
    options = {"height": height, "big": big, "lasso": on_lasso is not None, "card": card and not big, "alt": alt}
    component = _components.component("map")
    component(
        key=key,
        data={
            **{"scene": data, "options": options, "reports": reports},
            **{"lassoed": list(lassoed), "pinned": list(pinned)},
            "thumbs": _thumbs(images_of) if images_of and told(key, "images") else None,
        },
        on_lasso_change=on_lasso or _nothing,
        on_picked_change=on_pick or _nothing,
        on_images_change=_nothing,
    )


def told(key: str, event: str) -> Any:
    """What the browser has told last of an event of `EVENTS`; None before it has."""
    state = st.session_state.get(key)
    return state.get(event) if isinstance(state, Mapping) else None


def told_rows(key: str) -> list[int]:
    """The rows of the last lasso, ascending; what is no list of numbers is none."""
    rows = told(key, "lasso")
    return sorted({row for row in rows if isinstance(row, int)}) if isinstance(rows, list) else []


def told_row(key: str) -> int | None:
    """The selected row; None for none."""
    row = told(key, "picked")
    return row if isinstance(row, int) and row >= 0 else None


def _nothing() -> None:
    """A change that concerns the browser alone, but for what is drawn anew because of it."""


def _thumbs(spec_hash: str) -> dict[str, object] | None:
    """Where the browser gets the images of a run's points; those of the poison alone where its data can't be had."""
    try:
        content, width, height, cell, rows = _sheet(str(results()), spec_hash)
    except PoisonLabError:
        content, width, height, cell, rows = _poison_sheet(str(results()), spec_hash)
    return {
        "url": media_url(content, "image/jpeg", f"thumbs-{spec_hash}"),
        "rows": packed(np.asarray(rows), "<i4"),
        **{"width": width, "height": height, "cell": cell, "columns": atlas.COLUMNS},
    }


@st.cache_data(max_entries=32, show_spinner=False)
def _sheet(root: str, spec_hash: str) -> tuple[bytes, int, int, int, list[int]]:
    plot = _runs.plot(spec_hash)
    images = _runs.images(root, spec_hash)
    rows = atlas.thumb_rows(plot.n_clean, plot.n_poison, plot.base_index.tolist())
    return (*atlas.thumb_sheet(images, rows), rows)


@st.cache_data(max_entries=32, show_spinner=False)
def _poison_sheet(root: str, spec_hash: str) -> tuple[bytes, int, int, int, list[int]]:
    plot = _runs.plot(spec_hash)
    images = dict(zip(plot.base_index.tolist(), plot.base_x, strict=True))
    poison = plot.base_x if plot.poison_x is None else plot.poison_x
    images |= {plot.n_clean + i: image for i, image in enumerate(poison)}
    return (*atlas.thumb_sheet(images, list(images)), list(images))


def media_url(content: bytes, mime: str, coordinates: str) -> str:
    """The address at which this session gets a file, as for images of Streamlit itself.

    Args:
        content: of the file.
        mime: its type.
        coordinates: a name for its place on the page.
    """
    from streamlit.runtime import get_instance  # a page's tester has its own

    return get_instance().media_file_mgr.add(content, mime, coordinates)
