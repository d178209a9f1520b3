"""Versioned defaults of an experiment: old links and partial specs keep their meaning when a default changes.

A partial spec names the version of its defaults under `defaults`; without it, version 1 applies. Whoever changes a
default increments `CURRENT` and enters the old value in `EARLIER`.
"""

from collections.abc import Mapping
from typing import Any

from core.spec.sides import SIDE
from core.spec.vectors import are_features
from core.system.errors import SpecError

FIRST = 1
CURRENT = 3
KEY = "defaults"
ATTACK = "fw-input"
"""The current default attack."""
FEATURES_ATTACK = "tgda-feature"
"""The default attack on data that are feature vectors, in every version."""
EARLIER: dict[int, dict[str, Any]] = {
    1: {"side": SIDE},
    2: {
        "attack": "ft-matching",
        "label_rule": "adversarial",
        "attack.fw-input.rounds": 15,
        "attack.fw-input.inner_steps": 60,
        "attack.fw-input.lr": 0.03,
    },
}
"""By version, the defaults that the next version changed. Keys are fields ("budget"; "attack", by its name) or
parameters of an attack ("attack.NAME.steps")."""


def version_of(values: Mapping[str, Any]) -> int:
    """The version of the defaults that a partial spec was written for.

    Raises:
        SpecError: the version is unknown.
    """
    text = str(values.get(KEY, FIRST))
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not FIRST <= version <= CURRENT:
        raise SpecError(f"{KEY} is {text[:40]!r}; allowed: {allowed()}.")
    return version


def allowed() -> str:
    """The known versions, for an error message."""
    versions = str(FIRST) if FIRST == CURRENT else f"{FIRST} to {CURRENT}"
    return f"a version of the defaults that is known here, {versions}"


def at(version: int) -> dict[str, Any]:
    """The defaults of a version that differ from the current ones; keys as in `EARLIER`."""
    changed: dict[str, Any] = {}
    for later in range(CURRENT - 1, version - 1, -1):
        changed |= EARLIER.get(later, {})
    return changed


def first(name: str, current: Any) -> Any:
    """The first default ever of a field or of an attack's parameter, which specs hold that do not read it.

    This way such a spec keeps its hash when the default changes.

    Args:
        name: as in `EARLIER`.
        current: its current default.
    """
    return at(FIRST).get(name, current)


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """A partial spec without `defaults`, completed by those defaults of its version that differ from the current ones.

    Raises:
        SpecError: see `version_of`.
    """
    changed = at(version_of(values))
    requested = {name: value for name, value in values.items() if name != KEY}
    fields = {name: value for name, value in changed.items() if "." not in name}
    if are_features(str(requested.get("data", ""))):
        fields["attack"] = FEATURES_ATTACK
        fields.pop("label_rule", None)
        requested.setdefault("attack", FEATURES_ATTACK)
    complete = {**fields, **requested}
    attack = complete.get("attack", ATTACK)
    parameters = attack if isinstance(attack, Mapping) else {"name": attack}
    name = parameters.get("name", fields.get("attack", ATTACK))
    prefix = f"attack.{name}."
    own = {key.removeprefix(prefix): value for key, value in changed.items() if key.startswith(prefix)}
    # Settings that were parsed before are complete.
    if (own or "name" not in parameters) and isinstance(attack, str | Mapping):
        complete["attack"] = {"name": name, **own, **parameters}
    return complete
