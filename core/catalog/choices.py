"""Everything that can be chosen by name, and the validation of a spec. Without torch.

Every entry point (command line, app, Python) calls `resolve` before anything is computed or written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.attacks.record import AttackRecord
from core.attacks.registry import RECORDS as ATTACKS
from core.attacks.registry import record_of
from core.catalog import uploads
from core.catalog.lookup import data_info, extractor_info
from core.data import torchvision_sets
from core.data.registry import DATA, DataInfo, check_domain, is_user_supplied
from core.defences.registry import RECORDS as DEFENCES
from core.extractors.registry import EXTRACTORS, ExtractorInfo
from core.spec import defaults
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, LABEL_TITLES, ExperimentSpec
from core.spec.models import lower_first, parameters
from core.spec.registry import PLUGINS, check_loaded
from core.spec.sides import MOST_SIDE, SIDE
from core.spec.vectors import NO_EXTRACTOR
from core.system.errors import PoisonLabError, SpecError, where
from core.system.numbers import digits


def resolve(spec: ExperimentSpec) -> ExperimentSpec:
    """Validate a spec against the registries, and fill in the fields that depend on them.

    Settings that the attack or the constraint does not read are reset to their first defaults, so that equivalent specs
    have the same hash, and keep it when a default changes.

    Raises:
        SpecError: says what was wrong and what is allowed.
    """
    for name, digest in spec.plugins:
        check_loaded(name, digest)
    data = data_info(spec.data)
    fill: dict[str, Any] = {"data": data.name, **(_of_features() if data.width else _of_images(spec, data))}
    for field, value in (("train_domain", spec.train_domain), ("test_domain", spec.test_domain)):
        check_domain(data, value, field)
    if data.domains:
        fill["train_domain"] = spec.train_domain or data.domains[0]
        fill["test_domain"] = spec.test_domain or fill["train_domain"]
    for field, size, most in (
        ("train_size", spec.train_size, data.train_images),
        ("test_size", spec.test_size, data.test_images),
    ):
        least = least_size(data, field)
        if most < least:
            part = field.removesuffix("_size").replace("train", "training")
            what = "points" if data.width else "images"
            raise SpecError(
                f"{spec.data} has {most} {part} {what}, and at least {least} are needed. Add {what}; copies are kept "
                "together, for training or for the test."
            )
        if not least <= size <= most:
            raise SpecError(f"{field} is {size}; {spec.data} allows {least} to {most}.")
    attack = record_of(spec.attack.name)
    if data.width:
        _check_pixels(spec, attack)
    fill |= _of_attacker(spec, data, attack)
    for what, value, excluded, others in (
        ("constraint", spec.constraint, attack.excluded_constraints, attack.constraints),
        ("label rule", spec.label_rule, attack.excluded_label_rules, attack.label_rules),
    ):
        if value in excluded:
            raise SpecError(
                f"{attack.name} can't run under the {what} {value}: {excluded[value]} Allowed: {', '.join(others)}."
            )
    if spec.constraint != "perturbation":
        fill["delta"] = defaults.first("delta", ExperimentSpec.model_fields["delta"].default)
    fields = type(spec.attack).model_fields
    with _faults_named(attack):
        unread = spec.attack.unread(spec.label_rule)
        first = {key: defaults.first(f"attack.{attack.name}.{key}", fields[key].default) for key in unread}
        fill["attack"] = spec.attack.model_copy(update=first)
        resolved = spec.model_copy(update=fill)
        if attack.name in PLUGINS:  # tests cover the shipped ones
            attack.check_answers(resolved)
    return resolved


def _of_images(spec: ExperimentSpec, data: DataInfo) -> dict[str, Any]:
    """What a spec on images says of its extractor.

    Raises:
        SpecError: the extractor does not see images, or not at this size.
    """
    if spec.extractor == NO_EXTRACTOR:
        raise SpecError(f"{spec.data} has images, which need an extractor; allowed: {', '.join(EXTRACTORS)}.")
    extractor = extractor_info(spec.extractor)
    size = spec.input_size or extractor.input_sizes[0]
    if size not in extractor.input_sizes:
        allowed = ", ".join(map(str, extractor.input_sizes))
        raise SpecError(f"{spec.extractor} takes input_size {allowed}; got {spec.input_size}.")
    return {"extractor": extractor.name, "input_size": size, "side": _side(spec, data, size)}


def _of_features() -> dict[str, Any]:
    """The same of a spec on feature vectors: whatever it names of images has no effect."""
    return {"extractor": NO_EXTRACTOR, "input_size": None, "side": SIDE}


def _of_attacker(spec: ExperimentSpec, data: DataInfo, attack: AttackRecord) -> dict[str, Any]:
    """What a spec says of the attacker's knowledge; what is the defender's anyway is left out.

    Args:
        spec: the experiment.
        data: the record of its data.
        attack: the record of its attack.

    Raises:
        SpecError: there are no other points, or the poison could not be used with another extractor.
    """
    if spec.attacker_data == "other" and 2 * spec.train_size > data.train_images:
        raise SpecError(
            f"attacker_data is other, for which {spec.data} has too few points: train_size may be at most "
            f"{data.train_images // 2}, so that as many others are left; got {spec.train_size}."
        )
    fill: dict[str, Any] = {"attacker_ridge": None if spec.attacker_ridge == spec.ridge else spec.attacker_ridge}
    if spec.attacker_extractor is not None:
        if data.width:
            raise SpecError(f"attacker_extractor needs images, and {spec.data} has feature vectors only: leave it out.")
        if not attack.makes_images:
            allowed = ", ".join(name for name, record in ATTACKS.items() if record.makes_images)
            raise SpecError(
                f"attacker_extractor needs an attack that makes images, as the features of {attack.name} mean nothing "
                f"to another extractor. Allowed: {allowed}."
            )
        if spec.attacker_extractor == NO_EXTRACTOR:
            raise SpecError(f"attacker_extractor is {NO_EXTRACTOR}; allowed: {', '.join(EXTRACTORS)}.")
        name = extractor_info(spec.attacker_extractor).name
        fill["attacker_extractor"] = None if name == extractor_info(spec.extractor).name else name
    return fill


def _check_pixels(spec: ExperimentSpec, attack: AttackRecord) -> None:
    """Refuse what needs pixels on data that have none.

    Raises:
        SpecError: the attack or the constraint needs them.
    """
    if attack.needs_pixels:
        allowed = ", ".join(name for name, record in ATTACKS.items() if not record.needs_pixels)
        raise SpecError(
            f"{attack.name} works on pixels, and {spec.data} has feature vectors only, from which no image can be "
            f"computed. Allowed: {allowed}."
        )
    if spec.constraint == "perturbation":
        raise SpecError(
            f"The constraint perturbation bounds pixels, and {spec.data} has feature vectors only. Allowed: none and "
            "valid."
        )


def _side(spec: ExperimentSpec, data: DataInfo, input_size: int) -> int:
    """The side of a user's images; of other data, which have their own, the first default.

    Args:
        spec: the experiment.
        data: the record of its data.
        input_size: of its extractor.

    Raises:
        SpecError: it is given for other data.
    """
    if is_user_supplied(data.name):
        return spec.side or usual_side(data, input_size)
    if spec.side not in (None, SIDE):
        raise SpecError(
            f"side is {spec.side}; {spec.data} has images of {data.shape[-1]} px. Only images of your own can have "
            "another side: leave it out."
        )
    return SIDE


def usual_side(data: DataInfo, input_size: int) -> int:
    """The side at which an experiment has a user's images if nothing is said of it.

    That is what the extractor sees, or `SIDE` where it sees less, so that the images can be recognised; but not more
    than the images have themselves.

    Args:
        data: the record of the images.
        input_size: of the extractor.
    """
    return min(data.own_side, max(input_size, SIDE), MOST_SIDE)


def least_size(data: DataInfo, field: str) -> int:
    """The smallest `train_size` or `test_size` (the field) on a data set: two images of each class, or the field's."""
    bounds = [int(rule.ge) for rule in ExperimentSpec.model_fields[field].metadata if hasattr(rule, "ge")]
    return max(2 * len(data.classes), *bounds)


@contextmanager
def _faults_named(attack: AttackRecord) -> Iterator[None]:
    """Turn an error of a plug-in's record into one sentence.

    Raises:
        SpecError: instead of the plug-in's error. Errors of shipped attacks are bugs, and pass through.
    """
    try:
        yield
    except Exception as error:
        if attack.name not in PLUGINS:
            raise
        fault = where(error, attack.report_steps)
        raise SpecError(f"The attack {attack.name!r} can't be described with these settings: {fault}.") from error


def one_line(spec: ExperimentSpec) -> str:
    """An experiment as one line of text."""
    data = title(data_info, spec.data)
    if spec.train_domain is not None:
        same = spec.train_domain == spec.test_domain
        data += f" ({spec.train_domain})" if same else f" ({spec.train_domain} → {spec.test_domain})"
    if is_user_supplied(spec.data) and spec.side is not None:
        data += f" at {spec.side} px"
    constraint = {
        "none": "no constraint",
        "valid": "valid values only",
        "perturbation": f"at most {round(255 * spec.delta)}/255 per pixel",
    }[spec.constraint]
    parts = (
        data,
        title(extractor_info, spec.extractor) + ("" if spec.input_size is None else f" at {spec.input_size} px"),
        attack_title(spec.attack.name),
        f"budget {digits(100 * spec.budget)} % ({spec.n_poison:,} poisoned, {spec.train_size:,} clean)",
        constraint,
        f"poison labels: {lower_first(LABEL_TITLES[spec.label_rule])}",
        *([] if spec.evade is None else [f"made to evade the defence {defence_title(spec.evade)}"]),
        *attacker_words(spec),
        f"seed {spec.seed}",
    )
    return " · ".join(parts)


def attacker_words(spec: ExperimentSpec) -> list[str]:
    """What the attacker does not know of an experiment, a few words each; empty where it knows everything."""
    return [
        *(["the attacker has other points of the same data"] if spec.attacker_data == "other" else []),
        *([] if spec.attacker_ridge is None else [f"the attacker expects λ = {digits(spec.attacker_ridge)}"]),
        *(
            []
            if spec.attacker_extractor is None
            else [f"poison made on {title(extractor_info, spec.attacker_extractor)}"]
        ),
    ]


def attack_title(name: str) -> str:
    """The title of an attack; its name if its plug-in is not loaded."""
    return ATTACKS[name].title if name in ATTACKS else name


def defence_title(name: str) -> str:
    """The title of a defence; its name if its plug-in is not loaded."""
    return DEFENCES[name].title if name in DEFENCES else name


def title(info: Callable[[str], DataInfo | ExtractorInfo], name: str) -> str:
    """The title of a data set or an extractor; its name if the upload or the file no longer exists.

    Args:
        info: `data_info` or `extractor_info`.
        name: of the data set or the extractor.
    """
    try:
        return info(name).title
    except PoisonLabError:
        return name


SETTINGS: dict[str, tuple[str, str]] = {
    "fine-tuning": ("fine-tuning", "the extractor was pretrained on the same data, of which the head sees a part."),
    "domain-adaptation": ("domain adaptation", "the training, test or pretraining images are of another domain."),
    "transfer": ("transfer", "the extractor was pretrained on other data than the head's."),
    "random": ("control", "the extractor is not pretrained: its weights are random."),
    "unknown": ("unknown", "it is not known what the extractor was pretrained on."),
}
"""The relation between the extractor's pretraining data and the data, as in the paper: title and meaning."""


def setting(data: str, extractor: str, train_domain: str | None = None, test_domain: str | None = None) -> str:
    """The key of `SETTINGS` for a choice of data and extractor.

    Args:
        data, extractor: their names.
        train_domain, test_domain: domains, for data that has them.

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


def listing() -> dict[str, Any]:
    """The output of `python -m core list --json`: all names and bounds, as plain data."""
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
                "train_size": [least_size(record, "train_size"), record.train_images],
                "test_size": [least_size(record, "test_size"), record.test_images],
                "domains": list(record.domains),
                "licence": record.licence,
                "source": record.source,
                "embedded": record.embedded,
                "here": torchvision_sets.present(record),
            }
            for name, record in (DATA | uploads.all_data()).items()
        },
        "attacks": {
            name: {
                "title": record.title,
                "about": record.about,
                "makes_images": record.makes_images,
                "constraints": list(record.constraints),
                "label_rules": list(record.label_rules),
                "parameters": parameters(record.settings),
                **_plugin(name),
            }
            for name, record in ATTACKS.items()
        },
        "defenses": {
            name: {
                "title": record.title,
                "about": record.summary,
                "source": record.source,
                "parameters": parameters(record.settings),
                **_plugin(name),
            }
            for name, record in DEFENCES.items()
        },
        "constraints": dict(CONSTRAINTS),
        "label_rules": dict(LABEL_RULES),
        "bounds": {
            name: {k: v for k, v in field.items() if k in ("minimum", "exclusiveMinimum", "maximum", "default")}
            for name, field in ExperimentSpec.model_json_schema()["properties"].items()
            if field.get("type") in ("number", "integer")
        },
    }


def _plugin(name: str) -> dict[str, str]:
    """The SHA-256 of the plug-in that an attack or a defence comes from, under "plugin"; empty for shipped ones."""
    return {"plugin": PLUGINS[name]} if name in PLUGINS else {}
