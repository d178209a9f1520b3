"""The feature maps of several runs, on shared axes where the runs have the same clean features."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.plot_data import PlotData
from core.presentation import comparison
from core.system.numbers import fixed
from pages import _compare_figures as pictures
from pages import _map
from pages._compare_runs import ComparedRun, plots_of

NOISE_HELP = "In map units: 95 % of unchanged points are placed within this distance."


def maps_card(runs: Sequence[ComparedRun]) -> None:
    """The feature maps of the runs, on shared axes where they have the same clean features."""
    st.subheader("Maps of features")
    groups = [[runs[i] for i in group] for group in comparison.same_map([compared.plot for compared in runs])]
    if not groups:
        st.caption("These runs have no maps.")
    if len(groups) > 1:
        apart = ", ".join("+".join(compared.name for compared in group) for group in groups)
        st.warning(
            "**These maps are not comparable.** A map is fitted to each set of clean features, so positions "
            f"and distances are only comparable within a map. On separate axes: {apart}.",
            icon=":material/layers_clear:",
        )
    for group in groups:
        if len(group) > 1:
            map_group(group)
    alone = [group[0] for group in groups if len(group) == 1]
    small_maps(alone, [plots_of([compared]) for compared in alone])


def map_group(group: Sequence[ComparedRun]) -> None:
    """Runs on the same clean features: all on one map, then each on its own on the same axes."""
    names = " and ".join(compared.name for compared in group)
    st.caption(
        f"{names} share the same clean features (grey) and therefore one map. The poisoned samples of each run have "
        "their own colour and symbol. Below: each run on its own, on the same axes; arrows start at the base images."
    )
    plots = plots_of(group)
    letters = "".join(compared.name for compared in group)
    _map.show(
        pictures.shared_map(plots, group[0].classes, [compared.place for compared in group]),
        key=f"compare-map-{letters}",
        height=pictures.MAP_HEIGHT,
        alt=f"Clean features in grey, and the poisoned samples of {names}, each in its own colour and symbol",
    )
    small_maps(group, [plots] * len(group))


def small_maps(runs: Sequence[ComparedRun], axes: Sequence[Sequence[PlotData]]) -> None:
    """A map a run, each on the axes that the maps beside it share."""
    if not runs:
        return
    for compared, plot, plots, column in zip(runs, plots_of(runs), axes, st.columns(max(2, len(runs))), strict=False):
        with column:
            st.markdown(
                f"{compared.mark} · noise floor {fixed(plot.noise_floor, 2)}", unsafe_allow_html=True, help=NOISE_HELP
            )
            _map.show(
                pictures.small_map(plot, compared.classes, compared.place, plots),
                key=f"compare-map-{compared.name}-alone",
                height=pictures.SMALL_MAP_HEIGHT,
                images_of=compared.run.hash,
                alt=f"Poisoned samples of run {compared.name} on the map of clean features, with arrows from its base "
                "images",
            )
