"""Captions of the figures of a finished run, for pages and reports."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from core.attacks.starts import KEPT, STARTS, TRIED, parse_note
from core.catalog.choices import defence_title, title
from core.catalog.lookup import extractor_info
from core.experiments.image_reach import NEAR, ImageReach
from core.experiments.plot_data import PlotData
from core.experiments.summary import SCORES, SIGNIFICANCE, RunSummary
from core.heads.scores import Reachability, Score
from core.spec.experiment import LABEL_TITLES, ExperimentSpec
from core.spec.vectors import NO_EXTRACTOR
from core.storage.misread import Misread
from core.system.numbers import counted, digits, duration, fixed, percent

MOST_CLAIMS = 3
"""So many labels of the poison are named."""
FEW_CLASSES = 4
"""Up to so many classes, the share of each is named; else of the smallest and the largest."""


def harm_sentence(summary: RunSummary, *, makes_images: bool) -> str:
    """What the poison does, by counts of images: "60 poisoned images among 2,060 make 77 more of 1,000 … wrong."

    Args:
        summary: of the run.
        makes_images: whether its poison are images, or feature vectors.
    """
    poison = counted(summary.n_poison, "poisoned image" if makes_images else "poisoned feature vector")
    more = round(summary.n_test * (summary.clean.accuracy - summary.poisoned.accuracy))
    change = f"{abs(more):,} {'more' if more > 0 else 'fewer'}" if more else "no more"
    verb = "makes" if summary.n_poison == 1 else "make"
    return (
        f"{poison} among {summary.n_train + summary.n_poison:,} {verb} {change} of "
        f"{counted(summary.n_test, 'test image')} wrong."
    )


def knowledge_sentence(spec: ExperimentSpec) -> str:
    """What the attacker knew in place of the training set, λ and the extractor; "" where it knew those."""
    parts = []
    if spec.attacker_data == "other":
        points = "points" if spec.extractor == NO_EXTRACTOR else "images"
        parts.append(f"other {points} of the same kind, not the training set")
    if spec.attacker_ridge is not None:
        parts.append(f"λ = {digits(spec.attacker_ridge)}, not the head's {digits(spec.ridge)}")
    if spec.attacker_extractor is not None:
        parts.append(f"{title(extractor_info, spec.attacker_extractor)}, not the head's extractor")
    return f"The attacker knew {'; '.join(parts)}." if parts else ""


def before_after_words(summary: RunSummary) -> str:
    """The before/after for those who can't see it: both accuracies and what lies between them."""
    drop = summary.drop()
    change = f"{fixed(abs(drop))} points {'lost' if drop >= 0 else 'gained'}"
    before, after = percent(summary.clean.accuracy), percent(summary.poisoned.accuracy)
    return f"Test accuracy {before} without poison, {after} with poison: {change}"


def accuracy_words(summary: RunSummary) -> str:
    """The accuracies of all heads of a run, for those who can't see their bars."""
    accuracies = summary.accuracies()
    values = ", ".join(f"{SCORES[key][0]} {percent(accuracies[key])}" for key in SCORES if key in accuracies)
    return f"Test accuracy: {values}; a drop of {fixed(summary.drop())} points"


def class_words(summary: RunSummary) -> str:
    """The points lost in each class, most first, for those who can't see their bars."""
    lost = summary.class_drops()
    known = sorted((i for i in range(len(lost)) if not math.isnan(lost[i])), key=lambda i: -lost[i])
    return "Points of accuracy lost per class: " + ", ".join(f"{summary.classes[i]} {fixed(lost[i])}" for i in known)


def map_words(plot: PlotData, classes: Sequence[str]) -> str:
    """The map for those who can't see it: how many points there are, and what the poison claims to be, most first.

    Args:
        plot: of the run.
        classes: class names.
    """
    counts = Counter(plot.poison_y.tolist()).most_common()
    claims = ", ".join(f"{count:,} as {classes[label]}" for label, count in counts[:MOST_CLAIMS])
    rest = sum(count for _, count in counts[MOST_CLAIMS:])
    others = f", {rest:,} as others" if rest else ""
    return (
        f"Map of {counted(plot.n_clean, 'clean training feature')} by class and of "
        f"{counted(plot.n_poison, 'poisoned sample')}, labelled: {claims}{others}"
    )


def before_after_caption(summary: RunSummary, low: float, high: float) -> str:
    """What the before/after shows: the drop with its interval, and that its axis is zoomed.

    Args:
        summary: of the run.
        low, high: ends of the axis, in percent.
    """
    drop, margin = summary.drop(), summary.drop_margin()
    least, most = abs(drop) - margin, abs(drop) + margin
    word = "Lost" if drop >= 0 else "Gained"
    size = f"{word}: {fixed(abs(drop))} points, 95 % interval {fixed(least)} to {fixed(most)}"
    chance_words = "" if summary.p_value() < SIGNIFICANCE else ": **this may be chance**"
    zoom = "" if low <= 0 and high >= 100 else f" The axis is zoomed: it shows {fixed(low, 0)} to {fixed(high, 0)} %."
    return f"{size}{chance_words}.{zoom}"


def difference_caption(factor: int) -> str:
    """Caption of image strips whose differences are amplified by `factor`; 0 if no pixel is changed."""
    if factor == 0:
        return "Base | poisoned | difference: no pixel is changed, only the labels are wrong."
    amplified = f", amplified {factor}×" if factor > 1 else ""
    return f"Base | poisoned | difference{amplified}, around grey."


def pairs_remark(plot: PlotData) -> str:
    """What has to be known of all pairs of base and poison before they are looked at; "" for nothing."""
    if plot.poison_x is None:
        return (
            "This attack makes feature vectors, not images: it is the reference that attacks on images are compared "
            "with. Shown are the base images that it started from."
        )
    return "No pixel is changed, only the labels are wrong." if np.array_equal(plot.base_x, plot.poison_x) else ""


def misread_remark(summary: RunSummary, misread: Misread) -> str:
    """How many test images are newly misread, and how that goes together with the accuracy lost.

    Args:
        summary: of the run.
        misread: those that are right without the poison and wrong with it.
    """
    are = "is" if misread.count == 1 else "are"
    text = f"{counted(misread.count, 'test image')} {are} newly misread: right without the poison, wrong with it."
    more = round(summary.n_test * (summary.clean.accuracy - summary.poisoned.accuracy))
    if (righted := misread.count - more) > 0:
        others = "other is" if righted == 1 else "others are"
        change = f"{abs(more):,} {'more' if more > 0 else 'fewer'} are wrong" if more else "as many are wrong as before"
        text += f" {righted:,} {others} newly right, so that {change}."
    if misread.count > len(misread.rows):
        text += f" The first {len(misread.rows):,} are shown."
    return text


def map_caption(plot: PlotData, marks: str = "coloured by label") -> str:
    """How to read the map, and what it does not show; `marks` says how poisoned samples show their label."""
    shifts = sorted(float(value) for value in plot.shift)
    moved = (
        f"In feature space, where distances count, the median shift is {fixed(shifts[len(shifts) // 2], 2)}."
        if plot.moved.any()
        else "In feature space no poisoned sample moved: each lies on its base image."
    )
    lines = "; lines lead to them from their base images" if plot.moved.any() else ""
    return (
        f"Diamonds are poisoned samples, {marks}{lines}. "
        "The map is fitted once, on clean features; poisoned samples are placed into it afterwards. "
        f"Noise floor: {fixed(plot.noise_floor, 2)} map units. 95 % of unchanged points are placed within that "
        f"distance, so shorter {'lines' if lines else 'distances'} mean nothing. {moved}"
    )


def decoder_caption(notes: Mapping[str, float]) -> str:
    """The error of the run's decoder on held-out real images; "" without a decoder."""
    if "decoder_gap" not in notes:
        return ""
    return (
        "On real images that the decoder was not trained on, its pixels are off by "
        f"{fixed(notes['decoder_pixel_error'], 2)} (root mean square, of 1) and its features by "
        f"{percent(notes['decoder_gap'], 0)}."
    )


def evasion_caption(summary: RunSummary) -> str:
    """The fraction of the poison that passes the defence to evade; "" without one."""
    if summary.spec.evade is None:
        return ""
    return (
        f"Defence to evade: {defence_title(summary.spec.evade)}. Fitted by the attacker, to clean data alone, it "
        f"lets {percent(summary.notes['evaded'], 0)} of the poisoned samples pass."
    )


def starts_caption(summary: RunSummary) -> str:
    """Which of several starts was kept, by how much, and what all of them cost; "" where there was one."""
    accuracies: dict[str, dict[str, float]] = {KEPT: {}, TRIED: {}}
    for name, accuracy in summary.notes.items():
        if parts := parse_note(name):
            kind, start, rule = parts
            accuracies[kind][STARTS.get(start, start) + (f" ({LABEL_TITLES.get(rule, rule)})" if rule else "")] = (
                accuracy
            )
    if not accuracies[KEPT]:
        return ""
    ((kept, accuracy),) = accuracies[KEPT].items()
    tried = sorted(accuracies[TRIED].items(), key=lambda item: item[1])
    each = ", ".join(f"{name} {percent(share)}" for name, share in tried)
    stages = summary.description.stages
    seconds = sum(value for name, value in summary.seconds.items() if name in stages)
    return (
        f"Kept of {counted(len(tried), 'start')}: {kept}, which leaves {percent(accuracy)} of the training images "
        f"right. After the first steps on all pixels: {each}. All of them together took {duration(seconds)}."
    )


def uneven_caption(summary: RunSummary) -> str:
    """The shares of uneven classes, and the balanced accuracy of each head of a run; "" if classes are even."""
    scores = {SCORES[name][0]: score for name in SCORES if (score := summary.score(name)) is not None}
    return balanced_caption(summary.classes, scores)


def balanced_caption(classes: Sequence[str], scores: Mapping[str, Score]) -> str:
    """The shares of uneven classes, and the balanced accuracy of some heads; "" if classes are even.

    Args:
        classes: their names.
        scores: of heads on the same test images, by the name of the head.
    """
    sizes = next((score.class_sizes for score in scores.values() if score.is_uneven), None)
    if sizes is None:
        return ""
    order = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)
    named = [f"{percent(sizes[i] / sum(sizes))} {classes[i]}" for i in order]
    shares = ", ".join(named) if len(named) <= FEW_CLASSES else f"from {named[0]} to {named[-1]}"
    balanced = ", ".join(f"{name} {percent(score.balanced)}" for name, score in scores.items())
    return (
        f"Classes are uneven: of {sum(sizes):,} test images, {shares}. Accuracy is mostly that of the large classes. "
        f"Balanced accuracy, the mean of the accuracies of the classes: {balanced}."
    )


def image_reach_caption(reach: ImageReach) -> str:
    """What a budget can do by features in the clean range, near images, and by the run's images, in two sentences."""
    text = (
        f"Poisoned features in the range of the clean ones cost **{fixed(reach.box)}** points, features within "
        f"{percent(NEAR, 0)} of some image's **{fixed(reach.near_drop)}**, the images of this run "
        f"**{fixed(reach.images)}**."
    )
    if reach.box <= 0 or reach.near_drop <= 0:
        return text
    of_box, of_near = (max(0.0, reach.images) / drop for drop in (reach.box, reach.near_drop))
    return f"{text} That is {percent(of_box, 0)} of the first and {percent(of_near, 0)} of the second."


def reach_caption(threshold: Reachability) -> str:
    """Whether the target is within reach of the budget, in one sentence."""
    least, budget = threshold.least_budget, 100 * threshold.budget
    if least is None:
        return "**No budget is enough**: the ridge penalty alone keeps training away from this target."
    needs = f"this target needs at least {digits(100 * least, 3)} % poison, and the budget is {digits(budget, 3)} %."
    if 100 * least > budget:
        return f"**Out of reach**: {needs}"
    return f"**Not ruled out**: {needs} The bound is necessary, not sufficient."
