"""Differences between experiments: the fields in which their specs differ, and text for them. Without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.attacks.registry import RECORDS as ATTACKS
from core.catalog.choices import attack_title, defence_title, title
from core.catalog.lookup import data_info, extractor_info
from core.data.registry import is_user_supplied
from core.spec.experiment import LABEL_TITLES, ExperimentSpec
from core.spec.models import lower_first, parameters
from core.system.numbers import digits

Differences = list[tuple[str, list[Any]]]

MAX_IN_SENTENCE = 2
"""Number of differences up to which a sentence states their values; if there are more, it only names them."""

FIELD_LABELS: dict[str, str] = {
    "data": "data",
    "train_domain": "domain of the training images",
    "test_domain": "domain of the test images",
    "extractor": "extractor",
    "input_size": "input size",
    "side": "side of the images",
    "attack": "attack",
    "budget": "budget",
    "constraint": "constraint",
    "delta": "δ",
    "label_rule": "poison labels",
    "evade": "defence to evade",
    "train_size": "training images",
    "test_size": "test images",
    "ridge": "ridge λ",
    "attacker_data": "attacker's points",
    "attacker_ridge": "attacker's λ",
    "attacker_extractor": "attacker's extractor",
    "seed": "seed",
    "plugins": "plug-ins",
}
"""The label of each field of a spec in a sentence; parameters of attacks have their own titles."""


def differences(specs: Sequence[ExperimentSpec]) -> Differences:
    """The fields in which experiments differ, in the order of the spec.

    Only experiments that read a field are compared: δ under another constraint than `perturbation`, or a parameter
    that only one of the attacks has, is not a difference.

    Returns:
        Pairs of a key of `FIELD_LABELS` and the value of each spec; None for a spec that does not read the field.
    """
    read = [_read(spec) for spec in specs]
    fields = dict.fromkeys(name for values in read for name in values)
    order = [name for name in FIELD_LABELS if name in fields] + [name for name in fields if name not in FIELD_LABELS]
    columns = [(name, [values.get(name) for values in read]) for name in order]
    return [(name, values) for name, values in columns if len({repr(v) for v in values if v is not None}) > 1]


def _read(spec: ExperimentSpec) -> dict[str, Any]:
    """Every field that an experiment reads; parameters of the attack as `attack.NAME`."""
    values: dict[str, Any] = {name: getattr(spec, name) for name in ExperimentSpec.model_fields}
    parameters = dict(spec.attack)  # those at a value that their JSON leaves out, too
    unread = spec.attack.unread(spec.label_rule) | {"name"}
    values["attack"] = spec.attack.name
    values["evade"] = spec.evade or "none"  # expecting no defence is also a choice
    for name in ("attacker_ridge", "attacker_extractor"):
        values[name] = values[name] or "the defender's"  # knowing it is also a choice
    values |= {f"attack.{name}": value for name, value in parameters.items() if name not in unread}
    if spec.constraint != "perturbation":
        del values["delta"]
    if not is_user_supplied(spec.data):
        del values["side"]
    return values


def field_label(field: str) -> str:
    """The label of a field in a sentence."""
    if field in FIELD_LABELS:
        return FIELD_LABELS[field]
    schema = _parameter(field)
    return str(schema["title"]).lower() if schema else field.removeprefix("attack.").replace("_", " ")


def _parameter(field: str) -> Mapping[str, Any] | None:
    """The schema of a parameter, from the first attack that has it."""
    name = field.removeprefix("attack.")
    schemas = (parameters(record.settings) for record in ATTACKS.values())
    return next((schema[name] for schema in schemas if name in schema), None)


def value_text(field: str, value: Any) -> str:
    """A value of a field as text; a dash for None."""
    if value is None:
        return "—"
    match field:
        case "data":
            return title(data_info, value)
        case "extractor" | "attacker_extractor":
            return title(extractor_info, value)
        case "attack":
            return attack_title(value)
        case "budget":
            return f"{digits(100 * value)} %"
        case "delta":
            return f"{digits(255 * value, 4)}/255"
        case "evade":
            return defence_title(value)
        case "label_rule":
            return lower_first(LABEL_TITLES[value])
        case "input_size" | "side":
            return f"{value} px"
        case "attacker_data":
            return "other ones" if value == "other" else "training set"
    if isinstance(value, tuple):
        return ", ".join(f"{name} {digest[:8]}" for name, digest in value) or "none"
    if isinstance(value, str):
        return str((_parameter(field) or {}).get("choices", {}).get(value, value))
    # A seed is a name, not a quantity: no separators.
    return str(value) if field == "seed" else f"{value:,}" if isinstance(value, int) else digits(value, 10)


def sentence(specs: Sequence[ExperimentSpec], names: Sequence[str]) -> str:
    """A sentence on the differences between experiments.

    Args:
        specs: of the experiments.
        names: their names, such as A and B.
    """
    differing = differences(specs)
    if not differing:
        return "Nothing that they share differs between these experiments."
    texts = [field_label(field) for field, _ in differing]
    if len(differing) <= MAX_IN_SENTENCE:
        texts = [f"{field_label(field)} ({_by_value(field, values, names)})" for field, values in differing]
    return f"They differ in {_listed(texts)}; everything else that they share is the same."


def _by_value(field: str, values: Sequence[Any], names: Sequence[str]) -> str:
    """Each value once, with the experiments that have it: `A and C: 3 %; B: 5 %`."""
    owners: dict[str, list[str]] = {}
    for name, value in zip(names, values, strict=True):
        owners.setdefault(value_text(field, value), []).append(name)
    return "; ".join(f"{_listed(who)}: {text}" for text, who in owners.items())


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
