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
ATTACK = "ft-matching"
"""The attack of a spec that names none, today."""
EARLIER: dict[int, dict[str, Any]] = {}
"""By version, the defaults that the next version changed: of fields by their name ("budget"; "attack", by its name),
of an attack's parameters as in "attack.ft-matching.steps"."""


def version_of(values: Mapping[str, Any]) -> int:
    """The version of the defaults that a partial spec was written for.

    Raises:
        SpecError: there is no such version.
    """
    given = values.get(KEY, FIRST)
    text = str(given)
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not FIRST <= version <= CURRENT:
        raise SpecError(f"{KEY} is {text[:40]!r}; allowed: {allowed()}.")
    return version


def allowed() -> str:
    """The versions that there are, for an error message."""
    versions = str(FIRST) if FIRST == CURRENT else f"{FIRST} to {CURRENT}"
    return f"a version of the defaults that is known here, {versions}"


def at(version: int) -> dict[str, Any]:
    """The defaults of a version as far as they differ from today's; keys as in `EARLIER`."""
    changed: dict[str, Any] = {}
    for later in range(CURRENT - 1, version - 1, -1):
        changed |= EARLIER.get(later, {})
    return changed


def first(name: str, today: Any) -> Any:
    """The very first default of a field, or of an attack's parameter, which stands in specs that do not read it.

    Whatever becomes of the default, such a spec keeps its hash.

    Args:
        name: as in `EARLIER`.
        today: its default today.
    """
    return at(FIRST).get(name, today)


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """A partial spec with what its version's defaults say otherwise than today's, and without `defaults`.

    Raises:
        SpecError: see `version_of`.
    """
    changed = at(version_of(values))
    given = {name: value for name, value in values.items() if name != KEY}
    fields = {name: value for name, value in changed.items() if "." not in name}
    complete = {**fields, **given}
    attack = complete.get("attack", ATTACK)
    parameters = attack if isinstance(attack, Mapping) else {"name": attack}
    name = parameters.get("name", fields.get("attack", ATTACK))
    prefix = f"attack.{name}."
    own = {key.removeprefix(prefix): value for key, value in changed.items() if key.startswith(prefix)}
    # Settings that were parsed before are whole.
    if (own or "name" not in parameters) and isinstance(attack, str | Mapping):
        complete["attack"] = {"name": name, **own, **parameters}
    return complete
