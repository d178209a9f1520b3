"""A compared run, as used by all parts of the page Compare."""

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
class ComparedRun:
    """A run on the page; its place among the selected ones determines its letter, colour and symbol."""

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


def loaded(hashes: Sequence[str]) -> list[ComparedRun]:
    """The runs with their plot data; an error is shown for a run whose plot data are damaged."""
    picked = []
    for place, spec_hash in enumerate(hashes):
        run = _runs.find(spec_hash)
        if run is None:
            continue
        plot: PlotData | None = None
        try:
            plot = _runs.plot(spec_hash)
        except StoreError as error:
            st.error(str(error), title=f"The figures of run {NAMES[place]} can't be shown", icon=":material/error:")
        picked.append(ComparedRun(place, run, plot))
    return picked


def plots_of(runs: Sequence[ComparedRun]) -> list[PlotData]:
    """The plot data of the runs that have a map."""
    return [compared.plot for compared in runs if compared.plot is not None]
