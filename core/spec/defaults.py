"""The defaults of an experiment over time: a link or a partial spec of before means what it meant.

A partial spec names the version of the defaults that fill it up under `defaults`; one without is of the first version,
which named none. Whoever changes a default raises `CURRENT` and writes what it was into `EARLIER`.
"""

from collections.abc import Mapping
from typing import Any

from core.system.errors import SpecError

FIRST = 1
CURRENT = 1
KEY = "defaults"
EARLIER: dict[int, dict[str, Any]] = {}
"""By version, the defaults that the next version changed: of fields by their name ("budget"; "attack", by its name),
of an attack's parameters as in "attack.ft-matching.steps"."""


def version_of(values: Mapping[str, Any]) -> int:
    """The version of the defaults that a partial spec was written for.

    Raises:
        SpecError: there is no such version.
    """
    text = values.get(KEY, FIRST)
    try:
        version = int(text)
    except (TypeError, ValueError):
        version = 0
    if not FIRST <= version <= CURRENT:
        raise SpecError(f"{KEY} is {text!r}; allowed: a version of the defaults from {FIRST} to {CURRENT}.")
    return version


def at(version: int) -> dict[str, Any]:
    """The defaults of a version as far as they differ from today's; keys as in `EARLIER`."""
    changed: dict[str, Any] = {}
    for later in range(CURRENT - 1, version - 1, -1):
        changed |= EARLIER.get(later, {})
    return changed


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """A partial spec with what its version's defaults say otherwise than today's, and without `defaults`.

    Raises:
        SpecError: see `version_of`.
    """
    changed = at(version_of(values))
    given = {name: value for name, value in values.items() if name != KEY}
    fields = {name: value for name, value in changed.items() if "." not in name}
    complete = {**fields, **given}
    attack = complete.get("attack")
    parameters = {"name": attack} if isinstance(attack, str) else attack
    if isinstance(parameters, Mapping):
        prefix = f"attack.{parameters.get('name')}."
        own = {name.removeprefix(prefix): value for name, value in changed.items() if name.startswith(prefix)}
        if own:
            complete["attack"] = {**own, **parameters}
    return complete
