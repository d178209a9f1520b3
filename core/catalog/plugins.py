"""Attacks and defences from outside: files with the same records as those that ship. See docs/extending.md.

A plug-in is Python code that runs with the rights of whoever loads it. Its SHA-256 is part of the hash of every spec
that uses it, so that a changed file is another attack.
"""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from core.attacks import registry as attacks
from core.attacks.record import AttackRecord
from core.defences import registry as defences
from core.defences.record import DefenceRecord
from core.spec.registry import PLUGINS
from core.system import settings
from core.system.errors import PluginError, RecordError

INTERFACE = 1
"""Version of what plug-ins may rely on, which each names as its own INTERFACE: raised when records of before no longer
do."""

_loaded: dict[Path, tuple[str, list[str]]] = {}
"""SHA-256 of each file that is loaded, and the names that it has registered."""


def load_from_environment() -> None:
    """Load what `POISON_LAB_PLUGINS` names; errors as of `load_plugins`."""
    load_plugins(settings.plugins())


def load_plugins(paths: Sequence[Path]) -> None:
    """Load attacks and defences from files; one that is loaded already is left alone.

    Raises:
        PluginError: a file is missing, broken, for another interface, has no records, or has changed since it was
            loaded; which one and where. Nothing of that file is registered then.
    """
    for path in paths:
        _load(path.expanduser().absolute())


def unload(path: Path) -> None:
    """Take back all that a file has registered."""
    digest, names = _loaded.pop(path.expanduser().absolute())
    for name in names:
        (attacks if name in attacks.RECORDS else defences).forget(name)
    sys.modules.pop(_module_name(digest), None)


def _load(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"Plug-in {path} can't be read ({error.strerror}); name a Python file.") from error
    digest = hashlib.sha256(content).hexdigest()
    if path in _loaded:
        if _loaded[path][0] != digest:
            raise PluginError(f"Plug-in {path} has changed since it was loaded: start again to use it as it is now.")
        return
    module = _executed(path, content, digest)
    if getattr(module, "INTERFACE", None) != INTERFACE:
        named = getattr(module, "INTERFACE", "none")
        raise PluginError(
            f"Plug-in {path} is for interface {named}, and this is interface {INTERFACE}: adapt it, and set "
            f"INTERFACE = {INTERFACE} in it."
        )
    _register(path, digest, _records(path, module))


def _executed(path: Path, content: bytes, digest: str) -> ModuleType:
    """The module of a file; what it raises is told with its line."""
    name = _module_name(digest)
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic looks up the types of settings there
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(path, error) from error
    return module


def _module_name(digest: str) -> str:
    return f"poison_lab_plugin_{digest[:16]}"


def _broken(path: Path, error: BaseException) -> PluginError:
    """What is wrong with a file, in one sentence with its line."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    line = line or (lines[-1] if lines else None)
    where = f"Plug-in {path}" + (f", line {line}" if line else "")
    reason = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split()) or "no reason given"
    kind = "" if isinstance(error, RecordError) else f"{type(error).__name__}: "
    return PluginError(f"{where}: {kind}{reason}.".replace("..", "."))


def _records(path: Path, module: ModuleType) -> list[AttackRecord | DefenceRecord]:
    given = getattr(module, "RECORDS", None) or getattr(module, "RECORD", None)
    several = given if isinstance(given, list | tuple) else [given]
    records = [record for record in several if isinstance(record, AttackRecord | DefenceRecord)]
    if not records or len(records) < len(several):
        raise PluginError(
            f"Plug-in {path} has no RECORD: give it one AttackRecord or DefenceRecord of this name, or several in "
            "RECORDS."
        )
    return records


def _register(path: Path, digest: str, records: list[AttackRecord | DefenceRecord]) -> None:
    names: list[str] = []
    try:
        for record in records:
            register: Callable[..., None] = attacks.register if isinstance(record, AttackRecord) else defences.register
            register(record)
            PLUGINS[record.name] = digest
            names.append(record.name)
    except RecordError as error:
        for name in names:
            (attacks if name in attacks.RECORDS else defences).forget(name)
        raise PluginError(f"Plug-in {path}: {error}.") from error
    _loaded[path] = (digest, names)
