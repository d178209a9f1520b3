"""Where the poison of several runs landed, on shared axes where that means something."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.plot_data import PlotData
from core.presentation import comparison
from pages import _compare_figures as pictures
from pages._compare_runs import QUIET, Picked, plots_of

NOISE_HELP = "In map units: of points that did not change at all, one in twenty still lands farther off than that."


def maps_card(runs: Sequence[Picked]) -> None:
    """Where the poison landed, on shared axes where that means something."""
    st.subheader("Maps of features")
    groups = [[runs[i] for i in group] for group in comparison.same_map([one.plot for one in runs])]
    if not groups:
        st.caption("These runs hold no maps.")
    if len(groups) > 1:
        apart = ", ".join("+".join(one.name for one in group) for group in groups)
        st.warning(
            "**These maps are not comparable.** Another map is fitted wherever the clean features differ, so places "
            f"and distances mean something only within a map. On axes of their own: {apart}.",
            icon=":material/layers_clear:",
        )
    for group in groups:
        if len(group) > 1:
            map_group(group)
    alone = [group[0] for group in groups if len(group) == 1]
    small_maps(alone, [plots_of([one]) for one in alone])


def map_group(group: Sequence[Picked]) -> None:
    """Runs on the same clean features: all on one map, then each for itself on the same axes."""
    names = " and ".join(one.name for one in group)
    st.caption(
        f"{names} stand on the same clean features (grey): one map, fitted once, on which each run's poison is placed "
        "in its own colour and symbol. Below, each for itself on the same axes; lines come from the base images."
    )
    plots = plots_of(group)
    letters = "".join(one.name for one in group)
    st.plotly_chart(
        pictures.shared_map(plots, [one.place for one in group]),
        key=f"compare-map-{letters}",
        config={"displaylogo": False},
        alt=f"Clean features in grey, and the poison of {names} each in its own colour and symbol",
    )
    small_maps(group, [plots] * len(group))


def small_maps(runs: Sequence[Picked], axes: Sequence[Sequence[PlotData]]) -> None:
    """A map a run, each on the axes that the maps beside it share."""
    if not runs:
        return
    for one, plot, plots, column in zip(runs, plots_of(runs), axes, st.columns(max(2, len(runs))), strict=False):
        with column:
            st.markdown(f"{one.mark} · noise floor {plot.noise_floor:.2f}", unsafe_allow_html=True, help=NOISE_HELP)
            st.plotly_chart(
                pictures.small_map(plot, one.place, plots),
                key=f"compare-map-{one.name}-alone",
                config=QUIET,
                alt=f"Poison of run {one.name} on the map of clean features, with lines from its base images",
            )
