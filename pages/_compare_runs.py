"""Runs that are compared, as all parts of the page of comparisons know them."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.storage.runs import StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError
from pages import _runs
from pages._compare_figures import COLORS, NAMES, SIGNS

QUIET = {"displayModeBar": False}


@dataclass(frozen=True)
class Picked:
    """A run on show: its place gives it its letter, colour and symbol."""

    place: int
    run: StoredRun
    view: dict[str, Array]

    @property
    def name(self) -> str:
        """Its letter."""
        return NAMES[self.place]

    @property
    def mark(self) -> str:
        """Its symbol and letter in its colour, as HTML in Markdown."""
        return f'<span style="color:{COLORS[self.place]}">{SIGNS[self.place]}</span> **{self.name}**'

    @property
    def classes(self) -> list[str]:
        """Its classes, as they were named when it ran."""
        return list(self.run.result["classes"])


def loaded(hashes: Sequence[str]) -> list[Picked]:
    """The runs with what there is to draw; one whose pictures are damaged has none, and says so."""
    found = []
    for place, one in enumerate(hashes):
        run = _runs.find(one)
        if run is None:
            continue
        try:
            view = _runs.view(one)
        except StoreError as error:
            st.error(str(error), title=f"The pictures of run {NAMES[place]} can't be shown", icon=":material/error:")
            view = {}
        found.append(Picked(place, run, view))
    return found
