"""The specification of an experiment: frozen and hashable.

The command line, the app's URL and the JSON of a stored run are all parsed here, by `parse_spec`, into the
same `ExperimentSpec`. Names of data sets and extractors are checked against their registries in
`core.catalog.choices`, which also fills in the fields that depend on them.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, ValidationInfo, model_validator

from core.spec import defaults, registry
from core.spec.models import AttackSettings, Frozen, UnknownAttack, spec_error, validated
from core.spec.sides import LEAST_SIDE, MOST_SIDE, SIDE
from core.system.errors import SpecError, unknown

SPEC_VERSION = 3
"""Part of every hash: increment it when the same spec would give another result."""

Constraint = Literal["none", "valid", "perturbation"]
LabelRule = Literal["clean", "random", "adversarial", "chosen"]
CONSTRAINTS: dict[str, str] = {
    "none": "Nothing is checked: pixels and features are free.",
    "valid": "Pixels stay in [0, 1]; an attack that makes feature vectors keeps each coordinate within its range "
    "on the clean training set.",
    "perturbation": "Valid, and no pixel moves more than δ from its base image.",
}
LABEL_RULES: dict[str, str] = {
    "clean": "The poison keeps the label of its base image: nothing is mislabelled.",
    "random": "A wrong label, drawn uniformly.",
    "adversarial": "The label that the clean head finds least likely for the base image.",
    "chosen": "The attacker gives each poisoned sample the label of largest influence, right or wrong.",
}
LABEL_TITLES: dict[str, str] = {
    "clean": "The base image's own label",
    "random": "Random",
    "adversarial": "Adversarial",
    "chosen": "Chosen by influence",
}
"""The label rules by the words that people read."""


class ExperimentSpec(Frozen):
    """A complete experiment: the same spec on the same machine gives the same result.

    Attributes that are `None` are filled in by `core.catalog.choices.resolve` from the registries' records.
    """

    data: str = Field("fashion-mnist", description="Data set, see `list`, or image-folder:PATH, or features:FILE.")
    train_domain: str | None = Field(None, description="Domain of the training images, for data that has domains.")
    test_domain: str | None = Field(None, description="Domain of the test images, for data that has domains.")
    extractor: str = Field("resnet10-small-fashion-mnist", description="Extractor, see `list`, or LIBRARY:ARCH@FILE.")
    input_size: int | None = Field(None, ge=8, le=1024, description="Side in pixels at which the extractor sees.")
    # Omitted at the side that all images of a user had before there was the field, likewise to `evade`.
    side: int | None = Field(
        None,
        ge=LEAST_SIDE,
        le=MOST_SIDE,
        description="Side in pixels of images of your own; by default what the images and the extractor ask for.",
        exclude_if=lambda value: value == SIDE,
    )
    attack: SerializeAsAny[AttackSettings] = Field(
        default_factory=lambda: registry.ATTACKS[defaults.ATTACK](), description="Attack, see `list`."
    )
    budget: float = Field(0.03, gt=0, le=1, description="ε_d: poisoned points per clean training point.")
    constraint: Constraint = Field("valid", description="What limits the poisoned points.")
    delta: float = Field(8 / 255, gt=0, le=1, description="δ of the perturbation constraint, in [0, 1] pixels.")
    label_rule: LabelRule = Field(
        "adversarial", description="Labels of the poisoned points; by default what suits the attack."
    )
    # Omitted from JSON while it is None, so that experiments that predate the field keep their hashes, by which
    # results are stored and shipped.
    evade: str | None = Field(
        None, description="Defence that the poison is made to pass.", exclude_if=lambda value: value is None
    )
    train_size: int = Field(2000, ge=20, le=10_000_000, description="Clean training images.")
    test_size: int = Field(1000, ge=10, le=10_000_000, description="Test images.")
    ridge: float = Field(1e-3, gt=0, le=1e3, description="λ of the head's objective.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of everything random.")
    # What the attacker does not know; each is omitted while it knows everything, likewise.
    attacker_data: Literal["training", "other"] = Field(
        "training",
        description="Points that the attack is made on: the training set itself, or other ones of the same data.",
        exclude_if=lambda value: value == "training",
    )
    attacker_ridge: float | None = Field(
        None,
        gt=0,
        le=1e3,
        description="λ that the attacker expects; by default the head's.",
        exclude_if=lambda value: value is None,
    )
    attacker_extractor: str | None = Field(
        None,
        description="Extractor on which the poisoned images are made; by default the defender's.",
        exclude_if=lambda value: value is None,
    )
    # Omitted while it is empty, likewise.
    plugins: tuple[tuple[str, str], ...] = Field(
        (),
        description="SHA-256 of the plug-in behind each name that comes from one.",
        exclude_if=lambda value: not value,
    )

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, Mapping):
            return values
        stored = bool(info.context and info.context.get("stored"))
        named = _attack(values, stored)
        attack = named.get("attack") or values.get("attack") or registry.ATTACKS[defaults.ATTACK]
        usual = {"label_rule": attack.label_rule}
        return {**usual, **values, **named, "plugins": _plugins(values, stored)}

    @property
    def n_poison(self) -> int:
        """m = round(ε_d n), at least 1."""
        return max(1, round(self.budget * self.train_size))

    def to_json(self) -> str:
        """Canonical JSON, with sorted keys and no spaces; the hash is computed from it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that identify this experiment in the store and in the app's URL."""
        return hashlib.sha256(f"{SPEC_VERSION}:{self.to_json()}".encode()).hexdigest()[:16]


def parse_spec(values: Mapping[str, Any], *, stored: bool = False) -> ExperimentSpec:
    """Parse untrusted values; missing ones get their defaults, see `core.spec.defaults`.

    Args:
        values: by field; `attack` is a name, or a mapping with its `name` and parameters.
        stored: whether they belong to a finished run, which can be read without the plug-in that made it.

    Raises:
        SpecError: one sentence that names the field, what it got and what is allowed.
    """
    values = defaults.filled(values)
    try:
        return ExperimentSpec.model_validate(
            {**values, **_attack(values, stored), "plugins": _plugins(values, stored)}, context={"stored": stored}
        )
    except ValidationError as error:
        raise spec_error(error, "{}", list(ExperimentSpec.model_fields)) from error


def _attack(values: Mapping[str, Any], stored: bool) -> dict[str, AttackSettings]:
    """The settings of the attack that values name, under "attack"; empty if they name none."""
    attack = values.get("attack")
    if attack is None or isinstance(attack, AttackSettings):
        return {}
    parameters = attack if isinstance(attack, Mapping) else {"name": attack}
    name = parameters.get("name", defaults.ATTACK)
    if not isinstance(name, str):
        raise unknown("attack", str(name), registry.ATTACKS)
    digests = dict(_pairs(values))
    if stored and name in digests and registry.PLUGINS.get(name) != digests[name]:
        return {"attack": UnknownAttack.model_validate(parameters)}
    if name not in registry.ATTACKS:
        if name in digests:
            registry.check_loaded(name, digests[name])
        raise unknown("attack", str(name), registry.ATTACKS)
    settings = validated(registry.ATTACKS[name], {**parameters, "name": name}, "attack.{}")
    assert isinstance(settings, AttackSettings)
    return {"attack": settings}


def _plugins(values: Mapping[str, Any], stored: bool) -> tuple[tuple[str, str], ...]:
    """Name and digest of each plug-in that values use: the loaded ones or, for a finished run, the recorded ones.

    Raises:
        SpecError: a plug-in that the values name is not loaded, or another version of it is.
    """
    attack, evade, recorded = values.get("attack"), values.get("evade"), dict(_pairs(values))
    name = attack.name if isinstance(attack, AttackSettings) else attack
    name = name.get("name") if isinstance(name, Mapping) else name
    if evade is not None and not isinstance(evade, str):
        raise SpecError(f"evade is {evade!r}; allowed: {', '.join(registry.EVADABLE)}.")
    if evade is not None and evade not in registry.EVADABLE and not (stored and evade in recorded):
        if evade in recorded:
            registry.check_loaded(evade, recorded[evade])
        raise SpecError(f"evade is {evade!r}; allowed: {', '.join(registry.EVADABLE)}.")
    if stored:
        return tuple(sorted(recorded.items()))
    used = {key: registry.PLUGINS[key] for key in (name, evade) if key in registry.PLUGINS}
    for key in used.keys() & recorded.keys():
        registry.check_loaded(key, recorded[key])
    return tuple(sorted(used.items()))


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = values.get("plugins") or ()
    try:
        return [(str(name), str(digest)) for name, digest in pairs]
    except (TypeError, ValueError) as error:
        raise SpecError(f"plugins is {pairs!r}; allowed: pairs of a name and the SHA-256 of its file.") from error
