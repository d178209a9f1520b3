"""Runs that are compared, as all parts of the page of comparisons know them."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.experiments.plot_data import PlotData
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
    plot: PlotData | None

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
        return list(self.run.summary.classes)

    @property
    def poison_x(self) -> Array | None:
        """(m, C, H, W) its poisoned images; None where it has none."""
        return None if self.plot is None else self.plot.poison_x

    def base(self, row: int) -> Array | None:
        """The base image of one of its poisoned samples."""
        return None if self.plot is None else self.plot.base_x[row]

    def poison(self, row: int) -> Array | None:
        """One of its poisoned images."""
        return None if self.poison_x is None else self.poison_x[row]


def loaded(hashes: Sequence[str]) -> list[Picked]:
    """The runs with what there is to draw; one whose pictures are damaged has none, and says so."""
    picked = []
    for place, one in enumerate(hashes):
        run = _runs.find(one)
        if run is None:
            continue
        plot: PlotData | None = None
        try:
            plot = _runs.plot(one)
        except StoreError as error:
            st.error(str(error), title=f"The pictures of run {NAMES[place]} can't be shown", icon=":material/error:")
        picked.append(Picked(place, run, plot))
    return picked


def plots_of(runs: Sequence[Picked]) -> list[PlotData]:
    """What is drawn of each run that has a map."""
    return [one.plot for one in runs if one.plot is not None]
