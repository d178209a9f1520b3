"""A finished run in five plain steps, for decision makers who do not build models."""

import html
from collections.abc import Callable, Sequence

import streamlit as st

from core.catalog.differences import value_text
from core.experiments.plot_data import PlotData
from core.presentation import story
from core.presentation.story import Story
from core.storage.runs import StoredRun
from core.system.errors import StoreError
from core.system.numbers import counted, fixed
from pages import _pick, _present_figures, _runs, _words

QUIET = {"displayModeBar": False}
MOST_NAMED = 10
EXAMPLES = 10
PAIRS = 5
MOST_WORST = 3


def short(value: float) -> str:
    """A number of every 100, with one digit where it counts."""
    return fixed(value).removesuffix(".0")


def images(count: int) -> str:
    """A count of images in words."""
    return counted(count, "image")


def big_number(number: str, words: str) -> None:
    """One number that can be read from the back of a room, and what it counts."""
    st.html(
        f'<div style="font-size:clamp(2.4rem,6vw,4.6rem);font-weight:700;line-height:1.1">{html.escape(number)}</div>'
        f'<div style="font-size:clamp(1.05rem,1.7vw,1.45rem);opacity:.85;margin-top:.4rem">{html.escape(words)}</div>'
    )


def paragraph(text: str) -> None:
    """A paragraph in larger type than on other pages; plain text."""
    st.html(f'<div style="font-size:clamp(1.1rem,1.6vw,1.4rem);line-height:1.55">{html.escape(text)}</div>')


def kinds(classes: Sequence[str]) -> str:
    """The names of the classes, shortened where they are many."""
    named = ", ".join(classes[:MOST_NAMED])
    return named if len(classes) <= MOST_NAMED else f"{named} and {len(classes) - MOST_NAMED} more"


def situation(run: StoredRun, plot: PlotData | None, summary: Story) -> None:
    """Step 1: a model learns from images that anybody can add to."""
    classes = run.summary.classes
    st.title("A model learns from images that anybody can add to")
    left, right = st.columns([1, 1], gap="large")
    with left:
        right_before = 100 * (summary.n_test - summary.wrong_before) / summary.n_test
        big_number(
            f"{short(right_before)} of 100 right", f"on {images(summary.n_test)} that it has never seen, to begin with"
        )
    with right:
        paragraph(
            f"A team teaches a model to tell {len(classes)} kinds of image apart: {kinds(classes)}. It learns from "
            f"{images(summary.n_train)} collected in places where anybody can add some. Nobody looks at each of them."
        )
    if plot is not None:
        rows = story.one_per_class(plot.base_y, EXAMPLES)
        words = [classes[int(plot.base_y[row])] for row in rows]
        st.caption("Some of the images that it learns from")
        gallery([_present_figures.tiles([plot.base_x[row]]) for row in rows], words, "An image of")


def gallery(pictures: list[bytes], words: list[str], kind: str) -> None:
    """Pictures in a row that wraps."""
    with st.container(horizontal=True):
        st.image(pictures, caption=[_words.plain(text) for text in words], alt=[f"{kind} {text}" for text in words])


def slipped_in(run: StoredRun, plot: PlotData | None, summary: Story) -> None:
    """Step 2: the images that an attacker adds."""
    total = summary.n_train + summary.n_poison
    share = f"about 1 in {round(total / summary.n_poison):,} that the model learns from"
    what = "images" if summary.makes_images else "examples"
    st.title(f"An attacker slips in {summary.n_poison:,} {what if summary.n_poison > 1 else what[:-1]}")
    left, right = st.columns([1, 1], gap="large")
    with left:
        big_number(f"{summary.n_poison:,} of {total:,}", share)
        paragraph(changed_words(summary))
    with right:
        picture, each = _present_figures.crowd(summary.n_train, summary.n_poison)
        stands = "one image" if each == 1 else f"about {images(each)}"
        st.image(
            picture,
            caption=f"Each square is {stands}. Orange: slipped in.",
            width="stretch",
            alt=f"A crowd of squares, {summary.n_poison:,} of {total:,} orange",
        )
    if plot is not None and plot.poison_x is not None:
        classes = run.summary.classes
        rows = story.one_per_class(plot.base_y, PAIRS)
        names = [[classes[int(y[row])] for y in (plot.base_y, plot.poison_y)] for row in rows]
        st.caption("Left the real image, right what was slipped in, and what it claims to be")
        gallery(
            [_present_figures.tiles([plot.base_x[row], plot.poison_x[row]]) for row in rows],
            [f"{old} → “{new}”" for old, new in names],
            "A real image and what was slipped in:",
        )


def of_all(count: int, total: int) -> str:
    """A part of a whole."""
    return f"All {total:,}" if count == total else f"{count:,} of the {total:,}"


def changed_words(summary: Story) -> str:
    """What is wrong with what was slipped in."""
    if not summary.makes_images:
        return (
            "In this experiment no images were made. The attacker changed directly what the model works with, which "
            "takes more access than sending in images: read the cost as a warning, not as what a stranger can do."
        )
    relabelled = summary.relabelled or 0
    if not summary.pixels_changed:
        return f"Not one of them was retouched. {labels_words(relabelled, summary.n_poison)}"
    return f"They are real images, altered by a computer. {labels_words(relabelled, summary.n_poison)}"


def labels_words(relabelled: int, n_poison: int) -> str:
    """How many labels are wrong."""
    if relabelled == 0:
        return (
            "All of them carry the label of the image that they started from, so that a check of labels finds nothing."
        )
    which = "All of them carry" if relabelled == n_poison else f"{relabelled:,} of them carry"
    return f"{which} a label that is not what the image was."


def feature_map(run: StoredRun, plot: PlotData | None, summary: Story) -> None:
    """Step 3: a simple map."""
    st.title("What the model sees")
    if plot is None:
        paragraph("This run holds no picture of what the model sees.")
        return
    text, figure = st.columns([1, 2], gap="large")
    with text:
        astray = story.count_landed_elsewhere(plot)
        big_number(
            f"{astray:,} of {summary.n_poison:,}",
            "lie among images of another kind than they claim to be"
            if astray
            else "lie among another kind than they claim to be: each hides among its own",
        )
        paragraph(
            "Each dot is one image. Images that the model finds alike lie close together, so each kind has a region of "
            "its own. The diamonds were slipped in: each pulls at the border between kinds."
        )
        st.caption("A simplified picture: only who is next to whom means something, not the exact places.")
    ink, paper = _present_figures.INKS["dark" if _pick.is_dark() else "light"]
    figure.plotly_chart(
        _present_figures.simple_map(plot, run.summary.classes, ink, paper),
        key="present-map",
        config={**QUIET, "staticPlot": True},
        alt=f"Images by how alike the model finds them, with {summary.n_poison:,} diamonds that were slipped in",
    )


def costs(run: StoredRun, _: PlotData | None, summary: Story) -> None:
    """Step 4: what it does to the model."""
    st.title(cost_title(summary))
    left, right = st.columns([1, 1.2], gap="large")
    with left:
        more = summary.more_wrong
        number = f"{abs(more):,} of {summary.n_test:,}"
        big_number(number, "more test images are wrong" if more >= 0 else "fewer test images are wrong")
        for words in cost_words(summary):
            paragraph(words)
    before, after = (100 - 100 * wrong / summary.n_test for wrong in (summary.wrong_before, summary.wrong_after))
    rows = [story.ClassChange("All images", before, after)]
    rows += summary.hardest_hit[:MOST_WORST]
    worst = f"; hit hardest: {', '.join(row.name for row in rows[1:])}" if rows[1:] else ""
    right.plotly_chart(
        _present_figures.cost_bars(rows),
        key="present-cost",
        config={**QUIET, "staticPlot": True},
        alt=f"Wrong test images of every 100, without and with what was slipped in{worst}",
    )


def cost_title(summary: Story) -> str:
    """The cost in one line."""
    if summary.one_in is None:
        return "It cost nothing that this test can see"
    if summary.more_wrong < 0:
        return f"It failed: 1 in {summary.one_in:,} more images is right"
    return (
        f"It costs 1 in {summary.one_in:,}" if summary.one_in == 1 else f"1 in {summary.one_in:,} more images is wrong"
    )


def cost_words(summary: Story) -> list[str]:
    """What the cost means, how sure it is, who is hit, what else was possible."""
    before, after = (100 * wrong / summary.n_test for wrong in (summary.wrong_before, summary.wrong_after))
    words = [f"Before, {short(before)} of 100 images were wrong; now it is {short(after)}."]
    if summary.worst is not None:
        worst = summary.worst
        words.append(f"Hit hardest: {worst.name}, from {short(worst.before)} to {short(worst.after)} right of 100.")
    if summary.more_wrong and not summary.is_sure:
        words.append(
            f"This is close to luck: with other test images the cost would differ by about {short(summary.margin)} of "
            "100. Repeat the experiment before relying on it."
        )
    ideal = summary.ideal_per_hundred
    if summary.makes_images and ideal is not None and ideal > summary.per_hundred and ideal > 0:
        words.append(
            f"An attacker who could reach past the images, straight to what the model works with, would have made "
            f"{short(ideal)} of 100 more wrong."
        )
    return words


def advice(run: StoredRun, _: PlotData | None, summary: Story) -> None:
    """Step 5: what to do, and what this experiment does not show."""
    st.title("What to do")
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        for icon, head, words in recommendations(summary):
            with st.container(border=True):
                st.markdown(f"### :material/{icon}: {head}\n{_words.plain(words)}")
    with right, st.container(border=True):
        st.markdown("### What this does not show")
        st.markdown("\n".join(f"- {_words.plain(words)}" for words in limits(run, summary)))


def recommendations(summary: Story) -> list[tuple[str, str, str]]:
    """Icon, heading and a sentence each."""
    total = summary.n_train + summary.n_poison
    items = [
        (
            "verified_user",
            "Know where every image comes from",
            f"{summary.n_poison:,} of {total:,} came from one hand here. Cap what a single source may add, and keep "
            "its name, so that all of it can be taken out again.",
        )
    ]
    if summary.relabelled:
        items.append(
            (
                "fact_check",
                "Have labels checked by a second person",
                f"{of_all(summary.relabelled, summary.n_poison)} did not show what they claimed. Look first at images "
                "that sit among another kind.",
            )
        )
    watch = f" Here {summary.worst.name} fell first." if summary.worst is not None else ""
    items.append(
        (
            "monitoring",
            "Test every update on images that you alone hold",
            f"Compare each kind by itself: an average hides what one kind loses.{watch}",
        )
    )
    if summary.more_wrong <= 0:
        items.append(("shield", "Stay on guard", "This attack did no harm; the next one may."))
    return items


def limits(run: StoredRun, summary: Story) -> list[str]:
    """What can't be concluded from this run."""
    data = value_text("data", run.spec.data)
    items = [
        f"It is a laboratory experiment on {data}, with {images(summary.n_train)}; another project can fare better or "
        "worse.",
        f"It is one attempt by one method. A better attacker may do more harm than "
        f"{short(max(0.0, summary.per_hundred))} of 100.",
        f"{images(summary.n_test)} were tested: the cost is good to about {short(summary.margin)} of 100.",
        "Only the last part of the model was trained here; the large part before it was pretrained.",
        "No defence was in place.",
    ]
    if not summary.makes_images:
        items.insert(1, "The attacker had more access than a stranger who sends in images.")
    return items


STEPS: dict[str, Callable[[StoredRun, PlotData | None, Story], None]] = {
    "The situation": situation,
    "What was slipped in": slipped_in,
    "What the model sees": feature_map,
    "What it costs": costs,
    "What to do": advice,
}


def go(step: int) -> None:
    """Turn to a step; for callbacks."""
    st.session_state.turn = {"step": str(step)}


def select_run() -> None:
    """Present the selected run from its first step; for callbacks."""
    st.session_state.turn = {"run": st.session_state["present-run"], "step": "1"}


def requested_step() -> int:
    """The step that the URL asks for; the first where it asks for none there is."""
    text = st.query_params.get("step", "1")
    return int(text) if text in map(str, range(1, len(STEPS) + 1)) else 1


def navigation_bar(run: StoredRun, step: int) -> None:
    """The way on and back, always in the same place."""
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
            disabled=step == len(STEPS),
            on_click=go,
            args=(step + 1,),
            shortcut="Right",
            help="The step after.",
        )
        dots = " ".join("●" if i <= step else "○" for i in range(1, len(STEPS) + 1))
        st.markdown(f"{dots} &nbsp; {step} of {len(STEPS)} · {list(STEPS)[step - 1]}", width="stretch")
        with st.popover(
            "Run", icon=":material/tune:", key="present-more", help="Present another run, or copy the link."
        ):
            _pick.run_box("Run to present", run, widget="present-run", on_change=select_run)
            st.code(_pick.link("present", {"run": run.hash, "step": str(step)}), language=None, wrap_lines=True)
        _pick.open_button(run.spec, widget="leave", label="Lab")


shown = _pick.requested_run(_runs.default_run)
plot: PlotData | None = None
try:
    plot = _runs.plot(shown.hash)
except StoreError as error:
    st.error(str(error), title="The figures of this run can't be shown", icon=":material/broken_image:")
step = requested_step()
navigation_bar(shown, step)
list(STEPS.values())[step - 1](shown, plot, story.story_of(shown.summary, plot))
