"""The claims of the paper and our own, each tested against the measurements."""

import statistics
from itertools import product

from core.attacks.registry import record_of
from core.catalog import choices
from core.evidence import grid, knowledge, rule_claims
from core.evidence.claim import Claim, above, below
from core.evidence.measurements import Comparison, Measurements, accuracy_drop, paired, stage2_drop

IMAGES = ("tgda-input", "gc-input", "ft-matching", "ft-decoder", "ft-donor")
"""Attacks that optimise images."""
FEATURES = ("tgda-feature", "gc-feature")
PIXELS = ("tgda-input", "gc-input")
WEAK = 1.0
"""A drop of less than this many points is negligible."""
FEW = 2.0
"""Minimum drop by stage 2, in points, for which a ratio to it is meaningful."""


def _transfer(measurements: Measurements) -> list[Comparison]:
    comparisons = []
    for data in dict.fromkeys(key.data for key in measurements.by_key):
        settings = {
            choices.setting(*pair): pair[1]
            for pair in dict.fromkeys(key[:2] for key in measurements.by_key)
            if pair[0] == data and pair not in grid.FAR
        }
        if {"transfer", "fine-tuning"} <= settings.keys():
            for kind, attacks in (("images", IMAGES), ("features", FEATURES)):
                keys = (key for key in measurements.select(attacks) if key[:2] == (data, settings["transfer"]))
                comparisons.append(
                    paired(
                        measurements,
                        f"`{data}`, attacks that make {kind}: transfer minus fine-tuning",
                        keys,
                        extractor=settings["fine-tuning"],
                    )
                )
    return comparisons


def _pixels_free(measurements: Measurements) -> list[Comparison]:
    return [
        paired(
            measurements,
            f"`{attack}`: pixels of any value minus valid ones",
            measurements.select([attack], ["none"]),
            constraint="valid",
        )
        for attack in PIXELS
    ]


def _features_beat_pixels(measurements: Measurements) -> list[Comparison]:
    constrained = ["valid", "perturbation"]
    return [
        paired(measurements, f"`{attack}` minus `{other}`", measurements.select([attack], constrained), attack=other)
        for attack, other in product(("ft-matching", "ft-decoder"), PIXELS)
    ]


def _weak(measurements: Measurements) -> list[Comparison]:
    drops = [measurements.values(key, accuracy_drop) for key in measurements.select(["ue-input"])]
    return [Comparison("drop of `ue-input`", [by_seed for by_seed in drops if by_seed is not None])]


def _inversion(measurements: Measurements) -> list[Comparison]:
    comparisons = []
    for attack in ("ft-matching", "ft-decoder", "ft-donor"):
        shares = []
        for key in measurements.select([attack]):
            drops, stage2_drops = measurements.values(key, accuracy_drop), measurements.values(key, stage2_drop)
            if drops and stage2_drops and statistics.mean(stage2_drops.values()) >= FEW:
                stage2_mean = statistics.mean(stage2_drops.values())
                shares.append({seed: 100 * drops[seed] / stage2_mean for seed in drops})
        comparisons.append(Comparison(f"`{attack}`: what its images keep of stage 2's drop", shares, "percent"))
    return comparisons


def _stage2(measurements: Measurements) -> list[Comparison]:
    return [
        paired(
            measurements,
            f"`tgda-feature` minus `gc-feature`, constraint `{constraint}`",
            measurements.select(["tgda-feature"], [constraint]),
            attack="gc-feature",
        )
        for constraint in record_of("tgda-feature").constraints
    ]


def _beats_flips(measurements: Measurements) -> list[Comparison]:
    return [
        paired(measurements, f"`{attack}` minus `label-flip`", measurements.select([attack]), attack="label-flip")
        for attack in (*IMAGES, *FEATURES)
    ]


def _grows(measurements: Measurements) -> list[Comparison]:
    budgets = sorted({key.budget for key in measurements.by_key})
    difference = f"{100 * budgets[-1]:g} % minus {100 * budgets[0]:g} %"
    return [
        paired(
            measurements,
            f"`{attack}`: {difference}",
            measurements.select([attack], budgets=budgets[-1:]),
            budget=budgets[0],
        )
        for attack in (*IMAGES, *FEATURES)
    ]


PAPER = "Lu et al. 2024"
CLAIMS = (
    Claim(
        "transfer",
        "Transfer is more vulnerable than fine-tuning.",
        PAPER,
        _transfer,
        above,
        {
            "too close to tell": "Both extractors are of one architecture, and both data sets are small grey images of "
            "single objects: the two settings are closer to each other than where photographs meet another domain."
        },
    ),
    Claim(
        "pixels",
        "Input-space attacks are stronger when nothing constrains the pixels.",
        PAPER,
        _pixels_free,
        above,
        {
            "holds in part": "The attack that follows the head's gradient uses the room. Gradient Canceling aims at "
            "GradPC's parameters, most of which a budget of 10 % can't reach with any images."
        },
    ),
    Claim(
        "constrained",
        "Under constraints feature-targeted attacks are stronger than input-space attacks.",
        PAPER,
        _features_beat_pixels,
        above,
        {
            "holds in part": "`ft-matching` ends with steps on the pixels by the head's gradient (ours), as "
            "`tgda-input` does from the start, and comes out level with it. The paper's own stage 3, `ft-decoder`, "
            "learns from the run's own 1,000 images, blurs, and stays behind it."
        },
    ),
    Claim(
        "unlearnable",
        f"Unlearnable examples hardly harm a head on a frozen extractor (less than {WEAK:g} point).",
        PAPER,
        _weak,
        below(WEAK),
        {"holds": "Images that the head finds easy under their own labels give it nothing new to learn."},
    ),
    Claim(
        "inversion",
        "Inversion loses most of what the feature attack had: images keep less than half of stage 2's drop.",
        PAPER,
        _inversion,
        below(50.0),
        {
            "holds": "Stage 2 moves each feature within its range; few such combinations belong to an image, and the "
            "nearest image does another thing to the head."
        },
    ),
    Claim(
        "stage2",
        "The implicit gradient finds worse features than Gradient Canceling.",
        "ours",
        _stage2,
        above,
        {"holds": "It asks for damage itself, not for target parameters, most of which the budget can't reach."},
    ),
    Claim(
        "flips",
        "An attack costs more than adversarial label flips.",
        "ours",
        _beats_flips,
        above,
        {"holds in part": "Images that aim at a target out of reach stay what they were: wrong labels."},
    ),
    Claim(
        "budget",
        "Ten times the budget costs more.",
        "ours",
        _grows,
        above,
        {"holds in part": "Where an attack costs next to nothing, ten times as much of it does, too."},
    ),
    *rule_claims.CLAIMS,
    *knowledge.CLAIMS,
)
