"""The names and settings of registered attacks and defences, without anything that runs them."""

import importlib
import pkgutil
from collections.abc import Collection
from types import ModuleType
from typing import TypeVar

from core.spec.models import AttackSettings, default_name
from core.system.errors import RecordError, SpecError

T = TypeVar("T")

ATTACKS: dict[str, type[AttackSettings]] = {}
"""The settings class of every attack by name, in listing order."""
EVADABLE: dict[str, None] = {}
"""The defences that an attack can evade, in listing order."""
PLUGINS: dict[str, str] = {}
"""SHA-256 of the plug-in's file, by the name of each attack or defence of a plug-in."""
_names: set[str] = set()
"""The names of all attacks and defences; they are unique, so that a name is a sufficient key for `PLUGINS`."""


def claim(name: str) -> None:
    """Reserve a name for an attack or a defence.

    Raises:
        RecordError: the name is taken.
    """
    if name in _names:
        raise RecordError(f"the name {name!r} is taken: choose another one")
    _names.add(name)


def register_attack(settings: type[AttackSettings]) -> None:
    """Make an attack available to specs."""
    ATTACKS[default_name(settings)] = settings


def register_evadable(name: str) -> None:
    """Make a defence available to specs as one to evade."""
    EVADABLE[name] = None


def forget(name: str) -> None:
    """Unregister what a plug-in has registered under a name."""
    for registered in (ATTACKS, EVADABLE, PLUGINS):
        registered.pop(name, None)
    _names.discard(name)


def records_in(package: ModuleType, kind: type[T], others: Collection[str]) -> list[T]:
    """Import the modules of a package, and return the `RECORD` of each.

    Args:
        package: contains one module for each record.
        kind: class of the records.
        others: names of modules without a record; subpackages are skipped, too.

    Raises:
        RecordError: a module has no record of this kind.
    """
    records = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and module.name not in others:
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            record = getattr(loaded, "RECORD", None)
            if not isinstance(record, kind):
                raise RecordError(f"{loaded.__file__} has no RECORD of type {kind.__name__}")
            records.append(record)
    return records


def check_loaded(name: str, digest: str) -> None:
    """Check that the plug-in of a spec is loaded, in the same version.

    Args:
        name: of the attack or the defence.
        digest: SHA-256 of the plug-in's file, as the spec names it.

    Raises:
        SpecError: the plug-in is not loaded, or another version of it is.
    """
    loaded = PLUGINS.get(name)
    if loaded is None:
        raise SpecError(
            f"{name!r} comes from a plug-in that is not loaded here (SHA-256 {digest[:16]}…): load it by "
            "--plugin FILE.py, or by POISON_LAB_PLUGINS."
        )
    if loaded != digest:
        raise SpecError(
            f"This experiment was made with another version of the plug-in {name!r}: SHA-256 {digest[:16]}…, and "
            f"{loaded[:16]}… is loaded. Load the file that it was made with, or leave `plugins` out."
        )
