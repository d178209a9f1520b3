"""Claims about the labels of poison and about attacks that are measured where label rules are compared; all ours."""

from core.evidence import grid
from core.evidence.claim import Claim, above, at_least
from core.evidence.measurements import Comparison, Measurements, paired

MARGIN = 0.5
"""A loss of less than this many points is none that a test set of 2,000 images can show."""
IMAGES = ("tgda-input", "gc-input", "ft-matching", "ft-decoder", "ft-donor", "label-flip")
"""Attacks that end with images, besides those that are judged here."""


def _rules(measurements: Measurements, rule: str, other: str, *, far: bool) -> list[Comparison]:
    """Each attack under one rule minus the same under another one."""
    comparisons = []
    for attack in dict.fromkeys((*grid.COMPARED, *grid.NARROW, *grid.FAR_ATTACKS)):
        for apart in (False, True) if far else (False,):
            keys = [key for key in measurements.select([attack], label_rules=[rule]) if (key[:2] in grid.FAR) == apart]
            where = ", far transfer" if apart else ""
            comparisons.append(
                paired(measurements, f"`{attack}`{where}: `{rule}` minus `{other}`", keys, label_rule=other)
            )
    return comparisons


def _clean(measurements: Measurements) -> list[Comparison]:
    return _rules(measurements, "clean", "adversarial", far=True)


def _chosen(measurements: Measurements) -> list[Comparison]:
    return _rules(measurements, "chosen", "clean", far=False)


def _frank_wolfe(measurements: Measurements) -> list[Comparison]:
    return [
        paired(
            measurements,
            f"`fw-input` minus `{other}`, labels `{rule}`",
            measurements.select(["fw-input"], label_rules=[rule]),
            attack=other,
        )
        for rule in ("clean", "adversarial")
        for other in IMAGES
    ]


def _portfolio(measurements: Measurements) -> list[Comparison]:
    keys = list(measurements.select(["best-input"], label_rules=["chosen"]))
    return [
        paired(measurements, f"`best-input` minus `{other}`, labels `{rule}`", keys, attack=other, label_rule=rule)
        for other in ("fw-input", "ft-matching", "tgda-input")
        for rule in grid.RULES
    ]


CLAIMS = (
    Claim(
        "labels",
        "Nothing needs to be mislabelled: poison under its base image's own label costs as much as under the least "
        f"likely one (to {MARGIN:g} points).",
        "ours",
        _clean,
        at_least(-MARGIN),
        {
            "too close to tell": "The attack moves an image until the extractor sees another class, so that the head "
            "disbelieves its label whichever rule gave it; what the rules differ by is less than what the seeds do. "
            "That correctly labelled poison harms at all is not in doubt: its drops are in the tables below.",
            "holds in part": "Under Frank-Wolfe own labels are ahead. The attack moves an image until the extractor "
            "sees another class, so that the head disbelieves its label whichever rule gave it; for the other attacks "
            "what the rules differ by is less than what the seeds do.",
        },
    ),
    Claim(
        "chosen",
        "Labels chosen by influence cost more than the base image's own.",
        "ours",
        _chosen,
        above,
        {
            "does not hold": "Influence is of first order, at the present head: it ranks labels by what one more point "
            "would do, and the head has moved on when all of them are there. An attacker with a free choice of labels "
            "takes less than one that keeps those of the images.",
        },
    ),
    Claim(
        "frank-wolfe",
        "Frank–Wolfe costs more than every other attack that makes images, under the same labels.",
        "ours",
        _frank_wolfe,
        above,
        {
            "holds in part": "It exchanges whole images for others, where an ascent on the pixels ends near its start; "
            "the seeds measured so far don't separate it from every other attack."
        },
    ),
    Claim(
        "portfolio",
        f"The best of several starts costs at least as much as each attack it starts from (to {MARGIN:g} points).",
        "ours",
        _portfolio,
        at_least(-MARGIN),
        {
            "holds in part": "It picks by the accuracy on the training images, which poison made for them flatters: of "
            "1,000 images that is too coarse to tell its members apart, and what three seeds leave open is more than "
            "what the members differ by."
        },
    ),
)
