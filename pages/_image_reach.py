"""What images can do at all with a run's budget: a card of the lab, measured on demand by a worker."""

import streamlit as st

from core.presentation import captions
from core.presentation.figures.image_reach import image_reach_bars, image_reach_figure
from core.storage import reached
from core.storage.runs import StoredRun
from core.system.numbers import fixed
from pages._tasks import Wish

SECONDS = 30.0
"""What the four attacks on features take, roughly, at the default size."""
ABOUT = (
    "Poisoned features are not images, and most lie where no image comes. Here the same budget and labels are "
    "used by features that stay near those of images: each within a distance of the features of one of this run's "
    "images, in relation to their length."
)
ESTIMATES = (
    "All of these are found by searching and so can be exceeded: none is a bound. That a feature is near an image "
    "is measured, by that image."
)


def applies(run: StoredRun) -> bool:
    """Whether there is something to measure."""
    return run.summary.description.makes_images and run.spec.constraint != "none"


def wish(run: StoredRun) -> Wish:
    """What images can do with a run's budget."""
    return Wish("reach", "core.storage.reached:measure", run, "This can't be measured", needs_features=False)


def is_waiting(run: StoredRun) -> bool:
    """Whether it was requested and is not measured yet."""
    return wish(run).is_going and reached.find(run.hash) is None


def card(run: StoredRun) -> None:
    """The button, the progress, or the result."""
    st.markdown(ABOUT)
    reach = reached.find(run.hash)
    if reach is not None:
        wish(run).end()
        st.markdown(captions.image_reach_caption(reach))
        summary = ", ".join(f"{name} {fixed(value)}" for name, value in image_reach_bars(reach).items())
        st.plotly_chart(
            image_reach_figure(reach),
            key="image-reach",
            config={"displayModeBar": False},
            alt=f"Points lost: {summary}",
        )
        st.caption(ESTIMATES)
        return
    wish(run).button(
        "Measure",
        icon="straighten",
        help="Optimises poisoned features four times: some ten seconds to a minute, depending on the machine.",
    )
    wish(run).follow("A worker is optimising features near the images of this run.", SECONDS)
