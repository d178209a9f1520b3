"""Everything that can be chosen, by name, and the check that a choice makes sense. Free of torch.

`resolve` is called on every way into the engine room (command line, app, Python), before anything is
computed or written.
"""

from collections.abc import Callable, Mapping
from typing import Any

from core.catalog import uploads
from core.catalog.lookup import data_info, extractor_info
from core.data import torchvision_sets
from core.data.registry import DATA, DataInfo, check_domain
from core.defences.spec import ABOUT as DEFENCES
from core.defences.spec import settings
from core.extractors.registry import EXTRACTORS, ExtractorInfo
from core.spec.experiment import ATTACK_SPECS, CONSTRAINTS, LABEL_RULES, ExperimentSpec, Stage2, attack_parameters
from core.system.errors import PoisonLabError, SpecError, unknown

ATTACK_TITLES: dict[str, str] = {
    "label-flip": "Label flip",
    "noise": "Noise",
    "tgda-input": "TGDA, pixels",
    "gc-input": "Gradient Canceling, pixels",
    "ue-input": "Unlearnable examples",
    "tgda-feature": "TGDA, features",
    "gc-feature": "Gradient Canceling, features",
    "ft-matching": "Feature-targeted, matched images",
    "ft-decoder": "Feature-targeted, decoded images",
    "ft-donor": "Feature-targeted, real images",
}
STAGES_OF: dict[str, tuple[str, ...]] = {
    "label-flip": (),
    "noise": (),
    "tgda-input": ("pixels",),
    "gc-input": ("target", "pixels"),
    "ue-input": ("pixels",),
    "tgda-feature": ("stage2",),
    "gc-feature": ("target", "stage2"),
    "ft-matching": ("target", "stage2", "invert", "pixels"),
    "ft-decoder": ("target", "stage2", "decoder", "invert", "pixels"),
    "ft-donor": ("target", "stage2"),
}
"""The stages of `core.spec.events.STAGES` that an attack adds to loading, extraction, heads and map."""

FEATURE_ONLY = ("gc-feature", "tgda-feature")
"""Attacks that end with feature vectors and make no images."""


def resolve(spec: ExperimentSpec) -> ExperimentSpec:
    """Check names and sizes against the registries and fill in what depends on them.

    Settings that the chosen attack or constraint does not read go back to their defaults, so that two specs
    that mean the same have the same hash.

    Raises:
        SpecError: what was wrong, what is allowed.
    """
    data, extractor = data_info(spec.data), extractor_info(spec.extractor)
    fill: dict[str, Any] = {
        "data": data.name,
        "extractor": extractor.name,
        "input_size": spec.input_size or extractor.input_sizes[0],
    }
    if fill["input_size"] not in extractor.input_sizes:
        allowed = ", ".join(map(str, extractor.input_sizes))
        raise SpecError(f"{spec.extractor} takes input_size {allowed}; got {spec.input_size}.")
    for field, value in (("train_domain", spec.train_domain), ("test_domain", spec.test_domain)):
        check_domain(data, value, field)
    if data.domains:
        fill["train_domain"] = spec.train_domain or data.domains[0]
        fill["test_domain"] = spec.test_domain or fill["train_domain"]
    for field, size, most in (
        ("train_size", spec.train_size, data.train_images),
        ("test_size", spec.test_size, data.test_images),
    ):
        least = 2 * len(data.classes)
        if not least <= size <= most:
            raise SpecError(f"{field} is {size}; {spec.data} allows {least} to {most}.")
    if spec.constraint not in constraints_of(spec.attack.name):
        raise SpecError(
            f"{spec.attack.name} can't run under the constraint {spec.constraint}: {_WHY_NOT[spec.constraint]} "
            f"Allowed: {', '.join(constraints_of(spec.attack.name))}."
        )
    if spec.label_rule not in label_rules_of(spec.attack.name):
        raise SpecError(
            f"{spec.attack.name} under the label rule {spec.label_rule} flips nothing. "
            f"Allowed: {', '.join(label_rules_of(spec.attack.name))}."
        )
    if spec.constraint != "perturbation":
        fill["delta"] = ExperimentSpec.model_fields["delta"].default
    fields = type(spec.attack).model_fields
    unread = unread_parameters(spec.attack.model_dump(), spec.label_rule)
    fill["attack"] = spec.attack.model_copy(update={key: fields[key].default for key in unread})
    return spec.model_copy(update=fill)


def words(spec: ExperimentSpec) -> str:
    """An experiment in one line."""
    data = title(data_info, spec.data)
    if spec.train_domain is not None:
        same = spec.train_domain == spec.test_domain
        data += f" ({spec.train_domain})" if same else f" ({spec.train_domain} → {spec.test_domain})"
    constraint = {
        "none": "no constraint",
        "valid": "valid values only",
        "perturbation": f"at most {round(255 * spec.delta)}/255 per pixel",
    }[spec.constraint]
    parts = (
        data,
        f"{title(extractor_info, spec.extractor)} at {spec.input_size} px",
        ATTACK_TITLES[spec.attack.name],
        f"budget {100 * spec.budget:g} % ({spec.n_poison:,} poisoned, {spec.train_size:,} clean)",
        constraint,
        f"{spec.label_rule} labels",
        *([] if spec.evade is None else [f"made to pass the defence {DEFENCES[spec.evade].title}"]),
        f"seed {spec.seed}",
    )
    return " · ".join(parts)


def title(info: Callable[[str], DataInfo | ExtractorInfo], name: str) -> str:
    """What a person calls it; the bare name of an upload or a file that is gone.

    Args:
        info: `info` of the registry of data sets, or that of extractors.
    """
    try:
        return info(name).title
    except PoisonLabError:
        return name


SETTINGS: dict[str, tuple[str, str]] = {
    "fine-tuning": ("fine-tuning", "the extractor has learnt from the same data, of which the head now sees a part."),
    "domain-adaptation": ("domain adaptation", "training, test or the extractor's own images are of another domain."),
    "transfer": ("transfer", "the extractor has learnt from other data than the head's."),
    "random": ("control", "the extractor has learnt nothing: its weights are random."),
    "unknown": ("unknown", "nothing says what the extractor has learnt from."),
}
"""What extractor and data are to each other, after the paper: a title and its meaning."""


def setting(data: str, extractor: str, train_domain: str | None = None, test_domain: str | None = None) -> str:
    """The key of `SETTINGS` that a choice belongs to; of data that has domains, both are needed.

    Raises:
        SpecError: no extractor has this name.
    """
    record = extractor_info(extractor)
    if not record.pretrained_on:
        return "random"
    if train_domain != test_domain:
        return "domain-adaptation"
    if record.pretrained_on == data:
        return "fine-tuning" if record.domain in ("", train_domain) else "domain-adaptation"
    return "unknown" if record.pretrained_on == "unknown" else "transfer"


_WHY_NOT = {
    "none": "its images are always images, with pixels in [0, 1].",
    "perturbation": "it makes feature vectors, not images, so that no pixel can be bound.",
}


def constraints_of(attack: str) -> tuple[str, ...]:
    """The constraints under which an attack makes sense.

    Raises:
        SpecError: no attack has this name.
    """
    if attack not in ATTACK_SPECS:
        raise unknown("attack", attack, ATTACK_SPECS)
    if attack in FEATURE_ONLY:
        return ("none", "valid")
    return ("valid", "perturbation") if issubclass(ATTACK_SPECS[attack], Stage2) else tuple(CONSTRAINTS)


def label_rules_of(attack: str) -> tuple[str, ...]:
    """The label rules under which an attack makes sense."""
    return tuple(rule for rule in LABEL_RULES if (attack, rule) != ("label-flip", "clean"))


def unread_parameters(attack: Mapping[str, Any], label_rule: str) -> set[str]:
    """Parameters of an attack that its other parameters, or the label rule, switch off.

    Args:
        attack: its parameters by name.
    """
    unread = set()
    if not uses_target(attack):
        unread |= {"target", "radius"}
    elif attack.get("target") == "search":
        unread.add("radius")
    if attack.get("stage2") == "gc":
        unread.add("lr")
    if attack.get("match_steps") == 0:
        unread |= {"beta", "restarts"}
    if label_rule == "random":  # a label drawn at random is known only once its base point is
        unread.add("bases")
    return unread & attack.keys()


def uses_target(attack: Mapping[str, Any]) -> bool:
    """Whether an attack aims at target parameters, given its parameters by name."""
    return "target" in attack and attack.get("stage2") != "tgda"


def listing() -> dict[str, Any]:
    """What `python -m core list --json` prints: every name with its bounds, as plain data."""
    return {
        "extractors": {
            name: {
                "title": record.title,
                "width": record.width,
                "input_sizes": list(record.input_sizes),
                "pretrained_on": record.pretrained_on or None,
                "method": record.method,
                "licence": record.licence,
                "paper": record.paper,
            }
            for name, record in (EXTRACTORS | uploads.all_weights()).items()
        },
        "data": {
            name: {
                "title": record.title,
                "classes": list(record.classes),
                "shape": list(record.shape),
                "train_size": [2 * len(record.classes), record.train_images],
                "test_size": [2 * len(record.classes), record.test_images],
                "domains": list(record.domains),
                "licence": record.licence,
                "source": record.source,
                "embedded": record.embedded,
                "here": torchvision_sets.present(record),
            }
            for name, record in (DATA | uploads.all_images()).items()
        },
        "attacks": {
            name: {
                "title": ATTACK_TITLES[name],
                "about": (ATTACK_SPECS[name].__doc__ or "").split("\n")[0],
                "makes_images": name not in FEATURE_ONLY,
                "constraints": list(constraints_of(name)),
                "label_rules": list(label_rules_of(name)),
                "parameters": attack_parameters(name),
            }
            for name in ATTACK_SPECS
        },
        "defenses": {
            name: {"title": about.title, "about": about.words, "source": about.source, "parameters": settings(name)}
            for name, about in DEFENCES.items()
        },
        "constraints": dict(CONSTRAINTS),
        "label_rules": dict(LABEL_RULES),
        "bounds": {
            name: {k: v for k, v in field.items() if k in ("minimum", "exclusiveMinimum", "maximum", "default")}
            for name, field in ExperimentSpec.model_json_schema()["properties"].items()
            if field.get("type") in ("number", "integer")
        },
    }
