"""The method of a run in words: threat model, measurement, sources and software."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.catalog import choices
from core.catalog.lookup import data_info, extractor_info
from core.defences.registry import RECORDS as DEFENCES
from core.experiments.summary import RunSummary
from core.presentation.provenance import made_by
from core.spec.events import STAGES
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, LABEL_TITLES, ExperimentSpec
from core.spec.models import lower_first
from core.system.errors import PoisonLabError
from core.system.numbers import counted, digits, fixed
from core.system.versions import versions

PRETRAINED = {
    "supervised": "with labels",
    "simclr": "without labels, by SimCLR",
    "moco": "without labels, by MoCo",
}
"""How an extractor was pretrained, by its method."""
GONE = ("No longer here", "unknown")
"""Source and licence of data and extractors that are no longer registered."""


def threat_model(spec: ExperimentSpec) -> list[tuple[str, str]]:
    """Knowledge and capabilities of the attacker: pairs of heading and sentence."""
    constraint = CONSTRAINTS[spec.constraint]
    if spec.constraint == "perturbation":
        constraint += f" Here δ = {round(255 * spec.delta)}/255."
    return [
        ("Knows", _knowledge(spec)),
        (
            "May",
            f"Add {counted(spec.n_poison, 'point')} to the {spec.train_size:,} clean ones "
            f"(a budget of {digits(100 * spec.budget)} %). The clean points stay as they are.",
        ),
        (f"Constraint “{spec.constraint}”", constraint),
        (f"Labels: {lower_first(LABEL_TITLES[spec.label_rule])}", LABEL_RULES[spec.label_rule]),
        *([] if spec.evade is None else [_expected(spec.evade)]),
    ]


def _knowledge(spec: ExperimentSpec) -> str:
    extractor = "The extractor"
    if spec.attacker_extractor is not None:
        extractor = f"In place of the extractor, {choices.title(extractor_info, spec.attacker_extractor)}"
    points = "the clean training images"
    if spec.attacker_data == "other":
        points = "as many other images of the same data, none of the training set's"
    ridge = "the head's λ"
    if spec.attacker_ridge is not None:
        ridge = f"not the head's λ, for which it expects {digits(spec.attacker_ridge)}"
    return f"{extractor}, {points} and {ridge}. Never the test images."


def _expected(name: str) -> tuple[str, str]:
    summary = DEFENCES[name].summary if name in DEFENCES else "It comes from a plug-in that is not here."
    return f"Defence to evade: “{choices.defence_title(name)}”", f"{summary} The poisoned samples are made to pass it."


def measurement(summary: RunSummary) -> list[str]:
    """How the accuracies are measured, one sentence or two per item."""
    spec = summary.spec
    if not summary.description.makes_images:
        poison = "The poisoned feature vectors are added to the training set as they are."
    elif spec.constraint == "none":
        poison = "The poisoned images, whose pixels may be any numbers, are scored as they are, not as 8-bit files."
    else:
        poison = (
            "The poisoned images are rounded to the 8 bits of the exported files, and their features are extracted "
            "again from those: features that the attack computed are not used."
        )
    return [
        f"The head is logistic regression with ridge λ = {digits(spec.ridge)} on frozen features. It is trained to "
        "convergence (gradient norm at most 10⁻⁶, in float64), on clean and on poisoned data, so that neither "
        "accuracy is an artefact of the optimiser.",
        poison,
        f"The {summary.n_test:,} test images are used once, at the end. The attack never sees them.",
        "The drop is the result of one search with one seed: a lower bound on the possible damage.",
    ]


def settings(spec: ExperimentSpec) -> str:
    """The setting, such as fine-tuning or transfer, and its meaning; "" if the extractor is no longer registered."""
    try:
        key = choices.setting(spec.data, spec.extractor, spec.train_domain, spec.test_domain)
    except PoisonLabError:
        return ""
    title, meaning = choices.SETTINGS[key]
    return f"{title[:1].upper()}{title[1:]}: {meaning}"


@dataclass(frozen=True)
class Source:
    """Origin of data or of an extractor."""

    kind: str
    title: str
    source: str
    licence: str


def sources(spec: ExperimentSpec) -> list[Source]:
    """Origin of the data and the extractor; only the name if they are no longer registered."""
    return [_data_source(spec.data), _extractor_source(spec.extractor)]


def _data_source(name: str) -> Source:
    try:
        record = data_info(name)
    except PoisonLabError:
        return Source("Data", name, *GONE)
    return Source("Data", record.title, record.source, record.licence)


def _extractor_source(name: str) -> Source:
    try:
        record = extractor_info(name)
    except PoisonLabError:
        return Source("Extractor", name, *GONE)
    pretrained = f", pretrained {PRETRAINED[record.method]}" if record.method in PRETRAINED else ""
    return Source("Extractor", record.title + pretrained, record.paper, record.licence)


def computed(summary: RunSummary) -> list[tuple[str, str]]:
    """Seed, device, duration and software of the run, and of this report: pairs of heading and value."""
    seconds = summary.seconds
    slowest = sorted((stage for stage in STAGES if stage in seconds), key=lambda stage: -seconds[stage])[:3]
    return [
        ("Seed", str(summary.spec.seed)),
        ("Device", summary.device),
        ("Took", f"{fixed(sum(seconds.values()))} s"),
        ("Of that", ", ".join(f"{STAGES[stage].lower()} {fixed(seconds[stage])} s" for stage in slowest)),
        # Early runs were stored without versions.
        ("Computed by", _versions(summary.versions) or "versions that were not recorded"),
        ("Report by", _versions(versions())),
        *([("Version", maker[:1].upper() + maker[1:])] if (maker := made_by(summary)) else []),
    ]


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
