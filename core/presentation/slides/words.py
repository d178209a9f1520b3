"""What slides say of a run: plain sentences for people who do not build models."""

from collections.abc import Sequence

from core.catalog.differences import value_text
from core.presentation.captions import knowledge_sentence
from core.presentation.slides.parts import short
from core.presentation.story import Story
from core.storage.runs import StoredRun
from core.system.numbers import counted

MOST_NAMED = 10


def images(count: int) -> str:
    """A count of images in words."""
    return counted(count, "image")


def kinds(classes: Sequence[str]) -> str:
    """The names of the classes, shortened where they are many."""
    named = ", ".join(classes[:MOST_NAMED])
    return named if len(classes) <= MOST_NAMED else f"{named} and {len(classes) - MOST_NAMED} more"


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


def recommendations(summary: Story, defence: str = "") -> list[tuple[str, str]]:
    """What to do on Monday: a heading and a sentence each.

    Args:
        summary: of the run.
        defence: the filter that gave back most here, in words; "" where none did.
    """
    total = summary.n_train + summary.n_poison
    items = [
        (
            "Know where every image comes from",
            f"{summary.n_poison:,} of {total:,} came from one hand here. Cap what a single source may add, and keep "
            "its name, so that all of it can be taken out again.",
        )
    ]
    if summary.relabelled:
        items.append(
            (
                "Have labels checked by a second person",
                f"{of_all(summary.relabelled, summary.n_poison)} did not show what they claimed. Look first at images "
                "that sit among another kind.",
            )
        )
    watch = f" Here {summary.worst.name} fell first." if summary.worst is not None else ""
    items.append(
        (
            "Test every update on images that you alone hold",
            f"Compare each kind by itself: an average hides what one kind loses.{watch}",
        )
    )
    if defence:
        items.append(("Filter what comes in before the model learns from it", defence))
    if summary.more_wrong <= 0:
        items.append(("Stay on guard", "This attack did no harm; the next one may."))
    return items


def limits(run: StoredRun, summary: Story, *, is_defended: bool = False) -> list[str]:
    """What can't be concluded from this run."""
    data = value_text("data", run.spec.data)
    items = [
        f"It is a laboratory experiment on {data}, with {images(summary.n_train)}; another project can fare better or "
        "worse.",
        f"It is one attempt by one method. A better attacker may do more harm than "
        f"{short(max(0.0, summary.per_hundred))} of 100.",
        f"{images(summary.n_test)} were tested: the cost is good to about {short(summary.margin)} of 100.",
        "Only the last part of the model was trained here; the large part before it was pretrained.",
    ]
    if not is_defended:
        items.append("No defence was in place.")
    if known := knowledge_sentence(run.spec):
        items.insert(1, f"{known} One who knows everything may do more harm.")
    if not summary.makes_images:
        items.insert(1, "The attacker had more access than a stranger who sends in images.")
    return items
