"""A finished run as slides for people who do not build models: filling the screen, with notes, to take along."""

from dataclasses import replace

import streamlit as st

from core.experiments import points
from core.experiments.plot_data import PlotData
from core.presentation import story
from core.presentation.slides import STYLE, Material, Slide, deck, document, slide_html
from core.presentation.slides.deck import EXAMPLES, TITLES
from core.storage import misread
from core.storage.runs import StoredRun
from core.system.arrays import Array
from core.system.errors import PoisonLabError, StoreError
from core.system.paths import results
from pages import _pick, _present_pieces, _runs, _words

PAGE_STYLE = """
[data-testid=stMainBlockContainer] { padding: .6rem 3vw .4rem; }
[data-testid=stMain] .slide { min-height: calc(100vh - 7.2rem); --u: min(.8vh, .47vw); }
@media (max-width: 700px), (orientation: portrait) {
  [data-testid=stMain] .slide { min-height: 0; --u: max(1.15vw, 4.4px); }
}
"""
"""The slide has the screen to itself, but for the bar above it."""


def go(step: int) -> None:
    """Turn to a step; for callbacks."""
    st.session_state.turn = {"step": str(step)}


def select_run() -> None:
    """Present the selected run from its first step; for callbacks."""
    st.session_state.turn = {"run": st.session_state["present-run"], "step": "1"}


def requested_step() -> int:
    """The step that the URL asks for; the first where it asks for none there is."""
    text = st.query_params.get("step", "1")
    if text in map(str, range(1, len(TITLES) + 1)):
        return int(text)
    st.warning(
        f"There is no step `{_words.plain(text[:40])}`: steps go from 1 to {len(TITLES)}. This is the first.",
        icon=":material/link_off:",
    )
    return 1


def export() -> bytes:
    """The slides as a file, on white; made when the button is pressed."""
    return document(deck(replace(material(shown, plot), theme="light"))).encode()


def navigation_bar(run: StoredRun, step: int, slides: list[Slide]) -> None:
    """The way on and back, always in the same place, and what is only for the speaker."""
    with st.container(horizontal=True, vertical_alignment="center", key="present-bar"):
        st.button(
            "Back",
            key="back-step",
            icon=":material/arrow_back:",
            disabled=step == 1,
            on_click=go,
            args=(step - 1,),
            shortcut="Left",
            help="The step before.",
        )
        st.button(
            "Next",
            key="next-step",
            type="primary",
            icon=":material/arrow_forward:",
            icon_position="right",
            disabled=step == len(slides),
            on_click=go,
            args=(step + 1,),
            shortcut="Right",
            help="The step after.",
        )
        dots = " ".join("●" if i <= step else "○" for i in range(1, len(slides) + 1))
        st.markdown(f"{dots} &nbsp; {step} of {len(slides)} · {TITLES[step - 1]}", width="stretch")
        with st.popover("Note", icon=":material/sticky_note_2:", key="present-note", help="What the speaker says."):
            st.markdown(_words.plain(slides[step - 1].note))
        with st.popover(
            "Run", icon=":material/tune:", key="present-more", help="Another run, the slides as a file, or the link."
        ):
            _pick.run_box("Run to present", run, widget="present-run", on_change=select_run)
            st.download_button(
                "Slides (HTML)",
                export,
                f"poison-lab-{run.hash}-slides.html",
                "text/html",
                key="present-export",
                on_click="ignore",
                icon=":material/download:",
                help="One file to show offline: arrow keys turn, N shows the notes; printed in a browser, it is a PDF "
                "with a slide a page.",
            )
            st.code(_pick.link("present", {"run": run.hash, "step": str(step)}), language=None, wrap_lines=True)
        _pick.open_button(run.spec, widget="leave", label="Lab")


def examples(run: StoredRun, plot: PlotData | None) -> list[tuple[Array, str]]:
    """Clean images of as many classes as possible, with their names; base images where the data can't be read."""
    if plot is None:
        return []
    try:
        everything = _runs.images(str(results()), run.hash)
        rows = story.one_per_class(plot.train_y, EXAMPLES)
        return [(everything[row], run.summary.classes[int(plot.train_y[row])]) for row in rows]
    except PoisonLabError:
        rows = story.one_per_class(plot.base_y, EXAMPLES)
        return [(plot.base_x[row], run.summary.classes[int(plot.base_y[row])]) for row in rows]


def material(run: StoredRun, plot: PlotData | None) -> Material:
    """What is known of a run now; images that can't be read any more are left out."""
    found = misread.find(run.hash)
    images = []
    if found is not None:
        try:
            images = points.tested_images(run.spec, found.rows)
        except PoisonLabError:
            found = None
    theme = "dark" if _pick.is_dark() else "light"
    return Material(run, plot, examples(run, plot), found, images, _present_pieces.verdicts(run), theme)


shown = _pick.requested_run(_runs.default_run)
plot: PlotData | None = None
try:
    plot = _runs.plot(shown.hash)
except StoreError as error:
    st.error(str(error), title="The figures of this run can't be shown", icon=":material/broken_image:")
step = requested_step()
st.html(f"<style>{STYLE}{PAGE_STYLE}</style>")
slides = deck(material(shown, plot))
navigation_bar(shown, step, slides)
st.html(slide_html(slides[step - 1]))
if _present_pieces.lacking(shown):
    _present_pieces.watch(shown, step)
