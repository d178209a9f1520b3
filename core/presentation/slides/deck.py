"""The slides of a run, from what is known of it: the situation, the attack, its cost, a defence, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.defences.registry import RECORDS as DEFENCES
from core.defences.verdict import DefenceVerdict
from core.experiments.plot_data import PlotData
from core.presentation import story
from core.presentation.figures import CLEAN, PALETTE, POISONED
from core.presentation.slides import drawings, parts, words
from core.presentation.slides.parts import short
from core.presentation.story import ClassChange, Story
from core.storage.misread import Misread
from core.storage.runs import StoredRun
from core.system.arrays import Array
from core.system.numbers import counted

TITLES = (
    "The situation",
    "What was slipped in",
    "What the model sees",
    "What it costs",
    "What stops it",
    "What to do on Monday",
)
"""Of the slides, for the bar below them; each slide's own title says more."""
EXAMPLES, PAIRS, MISREAD = 10, 5, 7
MOST_WORST = 3
DEFENDED = PALETTE[4]
INKS = {"light": ("#1b2430", "#ffffff"), "dark": ("#e8ecf2", "#12161d")}
"""Text and what is behind it, by theme."""


@dataclass(frozen=True)
class Slide:
    """One slide.

    Attributes:
        title: plain text.
        body: HTML.
        note: what the speaker says, plain text.
    """

    title: str
    body: str
    note: str


@dataclass(frozen=True)
class Material:
    """What slides are made of.

    Attributes:
        run: the run.
        plot: its arrays; None if it has no map.
        examples: some clean images (C, H, W) that it learns from, with the names of their classes.
        misread: the test images that it makes the model misread; None while that is not known.
        misread_x: images (C, H, W) of its rows.
        verdicts: defences that were tried on it one by one, by name.
        theme: "light" or "dark".
    """

    run: StoredRun
    plot: PlotData | None
    examples: Sequence[tuple[Array, str]] = ()
    misread: Misread | None = None
    misread_x: Sequence[Array] = ()
    verdicts: Mapping[str, DefenceVerdict] = field(default_factory=dict)
    theme: str = "light"

    def summary(self) -> Story:
        """The numbers of the run."""
        return story.story_of(self.run.summary, self.plot)

    def best(self) -> tuple[str, DefenceVerdict] | None:
        """The defence that gives back most accuracy; None where none gives any back, or none was tried."""
        useful = [(name, verdict) for name, verdict in self.verdicts.items() if verdict.regained > 0]
        return max(useful, key=lambda item: (item[1].regained, -item[1].whole.clean_lost), default=None)


def deck(material: Material) -> list[Slide]:
    """All slides, one for each of `TITLES`."""
    summary = material.summary()
    makers = (situation, slipped_in, seen, costs, defended, monday)
    return [make(material, summary) for make in makers]


def situation(material: Material, summary: Story) -> Slide:
    """A model learns from images that anybody can add to."""
    classes = material.run.summary.classes
    right_before = 100 * (summary.n_test - summary.wrong_before) / summary.n_test
    body = parts.columns(
        parts.big(
            f"{short(right_before)} of 100 right",
            f"on {words.images(summary.n_test)} that it has never seen, to begin with",
        ),
        parts.paragraph(
            f"A team teaches a model to tell {len(classes)} kinds of image apart: {words.kinds(classes)}. It learns "
            f"from {words.images(summary.n_train)} collected in places where anybody can add some. Nobody looks at "
            "each of them."
        ),
    )
    if material.examples:
        tiles = [([image], name, f"An image of {name}") for image, name in material.examples]
        body += parts.gallery("Some of the images that it learns from", tiles)
    note = (
        "Ask the room where their own images come from, and who could add one. Everything that follows is one "
        "experiment that was really run."
    )
    return Slide("A model learns from images that anybody can add to", body, note)


def slipped_in(material: Material, summary: Story) -> Slide:
    """The images that an attacker adds."""
    plot, total = material.plot, summary.n_train + summary.n_poison
    what = "images" if summary.makes_images else "examples"
    drawn, each = drawings.crowd(summary.n_train, summary.n_poison)
    stands = "one image" if each == 1 else f"about {words.images(each)}"
    body = parts.columns(
        parts.big(
            f"{summary.n_poison:,} of {total:,}",
            f"about 1 in {round(total / summary.n_poison):,} that the model learns from",
        )
        + parts.paragraph(words.changed_words(summary)),
        parts.picture(drawn.encode(), f"A crowd of squares, {summary.n_poison:,} of {total:,} orange", "svg")
        + f"<small>Each square is {stands}. Orange: slipped in.</small>",
    )
    if plot is not None and plot.poison_x is not None:
        classes, poison_x = material.run.summary.classes, plot.poison_x
        tiles = []
        for row in story.one_per_class(plot.base_y, PAIRS):
            old, new = (classes[int(y[row])] for y in (plot.base_y, plot.poison_y))
            shown = f"{old} → “{new}”"
            tiles.append(([plot.base_x[row], poison_x[row]], shown, f"A real image and what was slipped in: {shown}"))
        body += parts.gallery("Left the real image, right what was slipped in, and what it claims to be", tiles)
    note = (
        "Give people time to look at the pairs. Would they have noticed one of these among the others, in a list of "
        f"{total:,}?"
    )
    title = f"An attacker slips in {summary.n_poison:,} {what if summary.n_poison > 1 else what[:-1]}"
    return Slide(title, body, note)


def seen(material: Material, summary: Story) -> Slide:
    """A simple map."""
    plot = material.plot
    if plot is None:
        return Slide(
            "What the model sees", parts.paragraph("This run holds no picture of what the model sees."), "Go on."
        )
    astray = story.count_landed_elsewhere(plot)
    ink, paper = INKS[material.theme]
    drawn = drawings.simple_map(plot, material.run.summary.classes, ink, paper)
    body = parts.columns(
        parts.big(
            f"{astray:,} of {summary.n_poison:,}",
            "lie among images of another kind than they claim to be"
            if astray
            else "lie among another kind than they claim to be: each hides among its own",
        )
        + parts.paragraph(
            "Each dot is one image. Images that the model finds alike lie close together, so each kind has a region of "
            "its own. The orange diamonds were slipped in: each pulls at the border between kinds."
        )
        + "<small>A simplified picture: only who is next to whom means something, not the exact places.</small>",
        parts.picture(
            drawn.encode(),
            f"Images by how alike the model finds them, with {summary.n_poison:,} diamonds that were slipped in",
            "svg",
            css="fill map",
        ),
        "4fr 7fr",
    )
    note = "Point at one region first, then at the diamonds in it. Nobody has to know how the map is made."
    return Slide("What the model sees", body, note)


def costs(material: Material, summary: Story) -> Slide:
    """What it does to the model, and images that it now gets wrong."""
    more = summary.more_wrong
    before, after = (100 - 100 * wrong / summary.n_test for wrong in (summary.wrong_before, summary.wrong_after))
    rows = [ClassChange("All images", before, after), *summary.hardest_hit[:MOST_WORST]]
    body = parts.columns(
        parts.big(
            f"{abs(more):,} of {summary.n_test:,}",
            "more test images are wrong" if more >= 0 else "fewer test images are wrong",
        )
        + "".join(map(parts.paragraph, words.cost_words(summary))),
        parts.cost_bars(rows),
        "1fr 1.2fr",
    )
    if material.misread is not None and material.misread.rows:
        body += parts.gallery(
            f"Right before, wrong now: {counted(material.misread.count, 'test image')}",
            misread_tiles(material),
        )
    note = (
        "Read one of the images aloud: what it is, and what the model now says. Then ask what such a mistake would "
        "cost in your own work."
    )
    return Slide(words.cost_title(summary), body, note)


def misread_tiles(material: Material) -> list[tuple[Sequence[Array], str, str]]:
    """Some of the misread images, of as many kinds as possible."""
    misread, classes = material.misread, material.run.summary.classes
    assert misread is not None
    tiles: list[tuple[Sequence[Array], str, str]] = []
    for place in story.one_per_class(np.asarray(misread.true), MISREAD):
        true, read_as = (classes[labels[place]] for labels in (misread.true, misread.read_as))
        tiles.append(([material.misread_x[place]], f"{true}, read as {read_as}", f"A {true} that is read as {read_as}"))
    return tiles


def defended(material: Material, summary: Story) -> Slide:
    """The filter that gives back most, among those that were tried."""
    best, tried = material.best(), len(material.verdicts)
    if best is None:
        text = (
            f"{tried} filters that look for odd images were tried on this attack. None of them gave anything back: "
            "here only knowing where images come from helps."
            if tried
            else "No filter has been tried on this attack yet."
        )
        title = "No filter that was tried stops this one" if tried else "What could stop it"
        return Slide(title, parts.paragraph(text), "Say so plainly: not every attack is caught by a filter.")
    name, verdict = best
    whole = verdict.whole
    wrong = [100 * (1 - score.accuracy) for score in (verdict.clean, verdict.poisoned, verdict.defended)]
    colours = ("as it was before", CLEAN), ("with the slipped-in images", POISONED), ("with the filter", DEFENDED)
    rows = [(text, [("of 100 wrong", colour, value)]) for (text, colour), value in zip(colours, wrong, strict=True)]
    body = parts.columns(
        parts.big(f"{whole.poison_removed:,} of {whole.n_poison:,}", "of what was slipped in is found and thrown out")
        + parts.paragraph(
            f"The filter “{DEFENCES[name].title}”, the best of the {tried} that were tried, looks at the images before "
            f"the model learns, without being told which are bad. It also throws out {whole.clean_lost:,} good ones of "
            f"{whole.n_clean:,}."
        )
        + parts.paragraph(regained_words(verdict)),
        parts.bars(rows, "Wrong, of every 100 test images"),
        "1fr 1.2fr",
    )
    body += parts.gallery("Some of what it throws out", thrown_out(material, verdict))
    note = (
        "The filter was chosen with hindsight: in practice nobody knows the attack. Its price is the good images that "
        "go with the bad ones."
    )
    return Slide("A filter takes most of it back" if is_most(verdict) else "A filter takes some of it back", body, note)


def thrown_out(material: Material, verdict: DefenceVerdict) -> list[tuple[Sequence[Array], str, str]]:
    """Some of the slipped-in images that a filter finds; none where the attack makes no images."""
    plot, classes = material.plot, material.run.summary.classes
    if plot is None or plot.poison_x is None:
        return []
    poison = [row - plot.n_clean for row in verdict.whole.removed if row >= plot.n_clean][:MISREAD]
    tiles: list[tuple[Sequence[Array], str, str]] = []
    for row in poison:
        claim = f"“{classes[int(plot.poison_y[row])]}”"
        tiles.append(([plot.poison_x[row]], claim, f"A slipped-in image that claims to be {claim}"))
    return tiles


def is_most(verdict: DefenceVerdict) -> bool:
    """Whether a defence gives back at least half of what the attack costs."""
    return 2 * verdict.regained >= 100 * (verdict.clean.accuracy - verdict.poisoned.accuracy)


def regained_words(verdict: DefenceVerdict) -> str:
    """What a filter gives back, in wrong images of 100."""
    poisoned, after = (100 * (1 - score.accuracy) for score in (verdict.poisoned, verdict.defended))
    return f"With it {short(after)} of 100 images are wrong instead of {short(poisoned)}."


def monday(material: Material, summary: Story) -> Slide:
    """What to do, and what this experiment does not show."""
    best = material.best()
    defence = ""
    if best is not None:
        whole = best[1].whole
        defence = (
            f"Here “{DEFENCES[best[0]].title}” found {whole.poison_removed:,} of {whole.n_poison:,} and cost "
            f"{whole.clean_lost:,} good images. Try it on your own."
        )
    cards = "".join(parts.card(head, text) for head, text in words.recommendations(summary, defence))
    limits = words.limits(material.run, summary, is_defended=best is not None)
    body = parts.columns(
        f'<div class="cards">{cards}</div>', parts.points("What this does not show", limits), "3fr 2fr"
    )
    note = "End with one thing that the room agrees to do next week, and who does it."
    return Slide("What to do on Monday", body, note)
