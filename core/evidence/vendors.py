"""Colour: emoji drawn by three vendors, by an extractor that has seen those of one and by one that has seen none.

There are few emoji, so that splits are repeated: each seed draws other images, the same for both extractors.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from core.catalog import choices
from core.data.registry import DATA
from core.evidence.claim import above
from core.evidence.classroom import mean_and_interval
from core.evidence.frozen import FEWEST_SEEDS
from core.evidence.measurements import Comparison, MeasuredRow, accuracy_drop
from core.experiments.sweep import interval
from core.spec.experiment import ExperimentSpec, LabelRule, parse_spec
from core.system.tables import markdown_table

NAME = "emoji"
OWN, OTHER = "resnet10-small-emoji-google", "resnet10-small-fashion-mnist"
"""Extractors of one architecture: pretrained on the emoji of one vendor, and on other images (transfer)."""
ATTACKS: dict[str, LabelRule] = {"label-flip": "adversarial", "tgda-feature": "clean", "fw-input": "clean"}
"""One of each kind, with its label rule: none, features, images."""
SHARED: dict[str, Any] = {"train_size": 400, "test_size": 500, "budget": 0.03, "constraint": "valid"}


class Place(NamedTuple):
    """What an experiment is beside its seed."""

    vendor: str
    extractor: str
    attack: str


def places() -> list[Place]:
    """All experiments but for their seeds."""
    return [Place(*place) for place in product(DATA[NAME].domains, (OWN, OTHER), ATTACKS)]


def spec_of(place: Place, seed: int) -> ExperimentSpec:
    """One experiment."""
    values = {
        **SHARED,
        "data": NAME,
        "train_domain": place.vendor,
        "extractor": place.extractor,
        "attack": place.attack,
        "label_rule": ATTACKS[place.attack],
        "seed": seed,
    }
    return choices.resolve(parse_spec(values))


def specs(seeds: Sequence[int]) -> list[ExperimentSpec]:
    """All experiments, seed by seed."""
    return [spec_of(place, seed) for seed in seeds for place in places()]


def text(known: Mapping[str, MeasuredRow], seeds: Sequence[int]) -> str:
    """Drops, and the comparison of the two extractors seed by seed, as Markdown.

    Args:
        known: measured rows by the hash of the spec.
        seeds: of the experiments.
    """
    found = {
        place: {seed: row for seed in seeds if (row := known.get(spec_of(place, seed).hash)) is not None}
        for place in places()
    }
    intro = (
        f"Emoji, in colour at 64 px, drawn by {len(DATA[NAME].domains)} vendors; {SHARED['train_size']:,} training "
        f"and {SHARED['test_size']:,} test images of one vendor, ε = {100 * SHARED['budget']:g} %, "
        f"`{SHARED['constraint']}`. `{OWN}` has seen the training images of Google's, without labels; `{OTHER}` has "
        "seen clothes in grey, at 28 px. Each seed draws other images, the same for both extractors."
    )
    if not any(found.values()):
        return f"{intro} Not measured yet."
    drops = markdown_table(
        ["Vendor", "Extractor", "Setting", "Attack", "Labels", "Seeds", "Clean, %", "Drop"],
        [_line(place, rows) for place, rows in found.items()],
        "lllllrrr",
    )
    compared = markdown_table(["Compared", "Mean", "Seeds", "Verdict"], list(_verdicts(found)), "llrl")
    return (
        f"{intro}\n\n{drops}\n\nDoes a head on an extractor of other images (transfer) lose more? Pooled over what "
        f"both were measured on:\n\n{compared}"
    )


def _line(place: Place, rows: Mapping[int, MeasuredRow]) -> list[str]:
    title, _ = choices.SETTINGS[choices.setting(NAME, place.extractor, place.vendor, place.vendor)]
    cells = [place.vendor, f"`{place.extractor}`", title, f"`{place.attack}`", ATTACKS[place.attack]]
    if len(rows) < FEWEST_SEEDS:
        return [*cells, str(len(rows)), "not measured yet", ""]
    clean = statistics.mean(100 * row["clean"] for row in rows.values())
    return [*cells, str(len(rows)), f"{clean:.1f}", mean_and_interval(interval([*map(accuracy_drop, rows.values())]))]


def _verdicts(found: Mapping[Place, Mapping[int, MeasuredRow]]) -> Iterator[list[str]]:
    for attack in ATTACKS:
        differences = []
        for vendor in DATA[NAME].domains:
            own, other = (found[Place(vendor, extractor, attack)] for extractor in (OWN, OTHER))
            both = sorted(own.keys() & other.keys())
            if len(both) >= FEWEST_SEEDS:
                differences.append({seed: accuracy_drop(other[seed]) - accuracy_drop(own[seed]) for seed in both})
        comparison = Comparison(f"`{attack}`: `{OTHER}` minus `{OWN}`", differences)
        pooled = comparison.pooled
        if pooled is None or pooled.seeds < FEWEST_SEEDS:
            yield [comparison.description, "not measured yet", "", ""]
        else:
            verdict = above(pooled)
            words = "cannot be told" if verdict == "too close to tell" else verdict
            yield [comparison.description, f"{mean_and_interval(pooled)} points", str(pooled.seeds), words]
