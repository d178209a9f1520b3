"""The lab's first screen while its run goes: the same places, in which images, diamonds and accuracy change."""

from typing import TYPE_CHECKING

import streamlit as st

from core.catalog.lookup import data_info
from core.experiments.plot_data import PlotData
from core.presentation import previews
from core.presentation.figures.so_far import so_far_figure, so_far_words
from core.spec.experiment import ExperimentSpec
from core.spec.preview import MOST_CLEAN, Preview
from core.storage.runs import StoredRun
from pages import _cards, _images, _map, _running, _story

if TYPE_CHECKING:
    from core.serving.status import JobStatus

NO_MAP = (
    "No map yet: that of these images is fitted once, at the end of the first run on them. Later runs show here how "
    "the poisoned samples move."
)
MANY_POINTS = "No preview of the map: there are too many clean points to be sent while the run goes."
STYLE = """
/* Words of a preview take the place of what they stand for. */
.st-key-no-map { min-height: var(--page-map-height, 22rem); }
@media (max-width: 767px) { .st-key-going { min-height: 4.6rem; } .st-key-story { min-height: 3.2rem; } }
"""


def screen(run: StoredRun, plot: PlotData, asked: ExperimentSpec) -> None:
    """What stands above the folds: a sentence, the progress, and three cards; for a fragment with a timer.

    Args:
        run: the result that is on show until there is something to see of the run that goes.
        plot: its arrays.
        asked: the settings of the run that goes.
    """
    job = _story.job_of(asked)
    status = None if job is None else job.status()
    if job is None or status is None or status.finished:
        st.rerun()
    preview = job.preview
    if preview is None:
        _story.sentence(run.summary, makes_images=plot.makes_images)
    else:
        words = previews.going_sentence(asked.train_size, preview.n_poison, makes_images=preview.base_x is not None)
        _story.headline(words, asked)
    progress_row(status, has_preview=preview is not None)
    left, middle, right = _story.card_places()
    with left:
        if preview is None:
            _images.images_card(run, plot)
        else:
            images_card(preview, asked)
    with middle:
        if preview is None:
            _cards.map_card(run, plot, is_narrow=True)
        else:
            map_card(preview, asked, plot)
    with right:
        accuracy_card(status, run if preview is None else None)


def progress_row(status: "JobStatus", *, has_preview: bool) -> None:
    """How far the run is, where the page else says whose result it shows.

    Args:
        status: of the run.
        has_preview: whether the page shows what it has made so far.
    """
    below = "" if has_preview else ". Until it has made something, the result shown last stays here."
    with st.container(key="whose"), st.container(key="going"):
        st.progress(status.fraction, text=f"**Run going**: {_running.progress_words(status)}{below}")


@st.fragment  # as that of a finished run is one, so that the browser keeps the component
def images_card(preview: Preview, asked: ExperimentSpec) -> None:
    """The first poisoned images as they are now, in the component that shows those of a finished run."""
    _images.heading(is_preview=True)
    sheet = previews.preview_sheet(preview)
    if sheet is None or preview.base_x is None:
        st.caption("These data have no images.")
        return
    data = previews.preview_cards(preview, data_info(asked.data).classes, run=asked.hash)
    remark = previews.preview_remark(preview)
    _images.draw({**data, "notes": [], "remark": remark}, sheet, range(len(preview.base_x)), None)


@st.fragment
def map_card(preview: Preview, asked: ExperimentSpec, plot: PlotData) -> None:
    """Where the poisoned samples are now, on the map of the clean points.

    Args:
        preview: of the run.
        asked: its settings.
        plot: of the result that was on show, whose controls keep their places.
    """
    st.subheader("Map of features")
    if _cards.has_stage2(plot):
        st.toggle(_cards.STAGE2, key="map-stage2-so-far", disabled=True, help="Known once the run has ended.")
    scene = previews.preview_scene(preview, data_info(asked.data).classes, run=asked.hash)
    if scene is None:
        with st.container(key="no-map"):
            st.caption(MANY_POINTS if asked.train_size > MOST_CLEAN else NO_MAP)
        return
    count = len(preview.y)
    alt = f"Map of the clean training features by class, with {count} poisoned samples as they are now"
    _map.show(scene, key="map", alt=alt)
    with st.popover("How to read the map", icon=":material/info:", type="tertiary", key="map-words"):
        st.markdown(
            f"Diamonds are the first {count:,} of {preview.n_poison:,} poisoned samples as they are now "
            f"({previews.step_words(preview)}); lines lead to them from their base images. The clean points do not "
            "move: their map is the same for every attack."
        )


def accuracy_card(status: "JobStatus", run: StoredRun | None) -> None:
    """What the run reports, in the place of the accuracy before and after.

    Args:
        status: of the run.
        run: the result that stays where nothing is reported yet; None where the run shows images already.
    """
    words = so_far_words(status.curve)
    if words is None and run is not None:
        _story.before_after(run)
        return
    st.subheader("The run so far")
    if words is None:
        st.caption("This attack measures nothing on its way: its accuracy is known once the run has ended.")
        return
    shown, values = words
    st.caption(f"{shown.title}: **{values}**.")
    st.plotly_chart(
        so_far_figure(status.curve),
        key="so-far",
        config={"displayModeBar": False},
        alt=f"{shown.title} at each step of the run so far: {values}",
    )
    st.caption(shown.meaning)
