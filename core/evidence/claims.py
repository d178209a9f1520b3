"""The claims of the paper, and ours, each put to the measurements: paired differences, pooled, over seeds."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, NamedTuple

from core.attacks.registry import record_of
from core.catalog import choices
from core.experiments.sweep import Interval, interval

Verdict = Literal["holds", "holds in part", "does not hold", "too close to tell"]
IMAGES = ("tgda-input", "gc-input", "ft-matching", "ft-decoder", "ft-donor")
"""Attacks that search for images."""
FEATURES = ("tgda-feature", "gc-feature")
PIXELS = ("tgda-input", "gc-input")
WEAK = 1.0
"""Points below which a drop is of no use to an attacker."""
FEW = 2.0
"""Points that stage 2 must take for a share of them to mean something."""

Measured = dict[str, Any]


class Key(NamedTuple):
    """What the seeds of one experiment have in common."""

    data: str
    extractor: str
    attack: str
    constraint: str
    budget: float


class Measurements:
    """What was measured, found by what was asked."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        """Group by seed."""
        self.by_key: dict[Key, dict[int, Measured]] = {}
        for one in measured:
            spec = one["spec"]
            key = Key(spec["data"], spec["extractor"], spec["attack"]["name"], spec["constraint"], spec["budget"])
            self.by_key.setdefault(key, {})[spec["seed"]] = one

    @property
    def seeds(self) -> list[int]:
        """Those that every experiment has."""
        return sorted(set.intersection(*(set(found) for found in self.by_key.values())))

    def values(self, key: Key, of: Callable[[Measured], float]) -> dict[int, float] | None:
        """A number for each seed; None where this experiment is not there."""
        found = self.by_key.get(key)
        return None if found is None else {seed: of(found[seed]) for seed in self.seeds}

    def select(
        self, attacks: Sequence[str], constraints: Sequence[str] = (), budgets: Sequence[float] = ()
    ) -> Iterator[Key]:
        """The experiments with one of the attacks, and of the constraints and budgets if any are given."""
        for key in self.by_key:
            is_bound_so = not constraints or key.constraint in constraints
            if key.attack in attacks and is_bound_so and (not budgets or key.budget in budgets):
                yield key


def lost(one: Measured) -> float:
    """Points of test accuracy that the poison costs."""
    return float(100 * (one["clean"] - one["poisoned"]))


def stage2_lost(one: Measured) -> float:
    """The same of the poisoned features, before they became images."""
    return float(100 * (one["clean"] - one["stage2"]))


@dataclass(frozen=True)
class Comparison:
    """Experiments that differ in one thing, compared seed by seed.

    Attributes:
        words: what is compared, as in "transfer minus fine-tuning, in points".
        differences: of each pair of experiments, a number for each seed.
        unit: of the numbers.
    """

    words: str
    differences: list[dict[int, float]]
    unit: str = "points"

    @property
    def pooled(self) -> Interval | None:
        """Of the seeds' means over all pairs: pairs of one seed share their images and are not independent."""
        if not self.differences:
            return None
        seeds = self.differences[0]
        return interval([statistics.mean(one[seed] for one in self.differences) for seed in seeds])

    @property
    def counts(self) -> tuple[int, int, int]:
        """Pairs whose own interval lies above 0, below 0, and over it."""
        found = [interval(list(one.values())) for one in self.differences]
        above = sum(one is not None and one.low > 0 for one in found)
        below = sum(one is not None and one.high < 0 for one in found)
        return above, below, len(found) - above - below


@dataclass(frozen=True)
class Claim:
    """A statement, and how it is judged.

    Attributes:
        name: for links.
        words: the statement.
        source: whose it is.
        compare: what is compared.
        judge: the verdict on one comparison's pooled interval.
        why: what explains each verdict here.
    """

    name: str
    words: str
    source: str
    compare: Callable[[Measurements], list[Comparison]]
    judge: Callable[[Interval], Verdict]
    why: dict[Verdict, str] = field(default_factory=dict)

    def verdicts(self, found: Measurements) -> list[tuple[Comparison, Verdict]]:
        """Each comparison with its verdict; one that has nothing to compare is left out."""
        told = [(one, one.pooled) for one in self.compare(found)]
        return [
            (one, self.judge(pooled) if pooled.seeds > 1 else "too close to tell")
            for one, pooled in told
            if pooled is not None
        ]

    def verdict(self, found: Measurements) -> Verdict:
        """Of all comparisons together: where they disagree, the claim holds in part."""
        verdicts = {verdict for _, verdict in self.verdicts(found)}
        if verdicts == {"holds"}:
            return "holds"
        if "holds" in verdicts:
            return "holds in part"
        return "does not hold" if "does not hold" in verdicts else "too close to tell"


def above(one: Interval) -> Verdict:
    """Whether it lies above 0."""
    return "holds" if one.low > 0 else "does not hold" if one.high < 0 else "too close to tell"


def below(limit: float) -> Callable[[Interval], Verdict]:
    """Whether it lies below a limit."""

    def judge(one: Interval) -> Verdict:
        return "holds" if one.high < limit else "does not hold" if one.low > limit else "too close to tell"

    return judge


def paired(found: Measurements, words: str, keys: Iterable[Key], **other: Any) -> Comparison:
    """Points that each experiment loses more than one that differs in `other` fields, where both are there."""
    differences = []
    for key in keys:
        mine, theirs = found.values(key, lost), found.values(key._replace(**other), lost)
        if mine is not None and theirs is not None:
            differences.append({seed: mine[seed] - theirs[seed] for seed in mine})
    return Comparison(words, differences)


def _transfer(found: Measurements) -> list[Comparison]:
    told = []
    for data in dict.fromkeys(key.data for key in found.by_key):
        settings = {choices.setting(data, key.extractor): key.extractor for key in found.by_key if key.data == data}
        if {"transfer", "fine-tuning"} <= settings.keys():
            for words, attacks in (("images", IMAGES), ("features", FEATURES)):
                keys = (key for key in found.select(attacks) if key[:2] == (data, settings["transfer"]))
                told.append(
                    paired(
                        found,
                        f"`{data}`, attacks that make {words}: transfer minus fine-tuning",
                        keys,
                        extractor=settings["fine-tuning"],
                    )
                )
    return told


def _pixels_free(found: Measurements) -> list[Comparison]:
    return [
        paired(
            found, f"`{one}`: pixels of any value minus valid ones", found.select([one], ["none"]), constraint="valid"
        )
        for one in PIXELS
    ]


def _features_beat_pixels(found: Measurements) -> list[Comparison]:
    bound = ["valid", "perturbation"]
    return [
        paired(found, f"`{mine}` minus `{other}`", found.select([mine], bound), attack=other)
        for mine, other in product(("ft-matching", "ft-decoder"), PIXELS)
    ]


def _weak(found: Measurements) -> list[Comparison]:
    drops = [found.values(key, lost) for key in found.select(["ue-input"])]
    return [Comparison("drop of `ue-input`", [one for one in drops if one is not None])]


def _inversion(found: Measurements) -> list[Comparison]:
    told = []
    for attack in ("ft-matching", "ft-decoder", "ft-donor"):
        shares = []
        for key in found.select([attack]):
            mine, before = found.values(key, lost), found.values(key, stage2_lost)
            if mine and before and statistics.mean(before.values()) >= FEW:
                whole = statistics.mean(before.values())
                shares.append({seed: 100 * mine[seed] / whole for seed in mine})
        told.append(Comparison(f"`{attack}`: what its images keep of stage 2's drop", shares, "percent"))
    return told


def _stage2(found: Measurements) -> list[Comparison]:
    return [
        paired(
            found,
            f"`tgda-feature` minus `gc-feature`, constraint `{constraint}`",
            found.select(["tgda-feature"], [constraint]),
            attack="gc-feature",
        )
        for constraint in record_of("tgda-feature").constraints
    ]


def _beats_flips(found: Measurements) -> list[Comparison]:
    return [
        paired(found, f"`{one}` minus `label-flip`", found.select([one]), attack="label-flip")
        for one in (*IMAGES, *FEATURES)
    ]


def _grows(found: Measurements) -> list[Comparison]:
    budgets = sorted({key.budget for key in found.by_key})
    words = f"{100 * budgets[-1]:g} % minus {100 * budgets[0]:g} %"
    return [
        paired(found, f"`{one}`: {words}", found.select([one], budgets=budgets[-1:]), budget=budgets[0])
        for one in (*IMAGES, *FEATURES)
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
)
