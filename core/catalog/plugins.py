"""Plug-ins: files with records of attacks and defences, like those that ship. See docs/extending.md.

A plug-in is Python code that runs with the rights of the user who loads it. Its SHA-256 is part of the hash of every
spec that uses it, so that a changed file counts as another attack.
"""

import hashlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from core.attacks import registry as attacks
from core.attacks.record import AttackRecord
from core.defences import registry as defences
from core.defences.record import DefenceRecord
from core.spec.registry import PLUGINS
from core.system import settings
from core.system.errors import PluginError, PoisonLabError, RecordError, described

INTERFACE = 1
"""Version of the plug-in interface, which each plug-in names as its own INTERFACE; incremented by breaking changes."""

Record = AttackRecord | DefenceRecord


@dataclass(frozen=True)
class Plugin:
    """A loaded plug-in file.

    Attributes:
        digest: SHA-256 of its content.
        names: of the attacks and defences that it registered; empty if the same content was loaded before from another
            path.
    """

    digest: str
    names: tuple[str, ...]


_loaded: dict[Path, Plugin] = {}
_broken: dict[tuple[Path, str], str] = {}
"""Error messages by path and SHA-256, so that a server does not execute a broken file again and again."""
_lock = threading.RLock()
"""Pages of several users may load plug-ins at the same time."""


def load_from_environment() -> None:
    """Load the files of `POISON_LAB_PLUGINS`; cheap if they are loaded already. Raises the errors of `load_plugins`."""
    load_plugins(settings.plugins())


def load_plugins(paths: Sequence[Path]) -> None:
    """Load attacks and defences from files; skips files that are loaded already.

    Raises:
        PluginError: a file is missing, broken, for another interface, has no records, or has changed since it was
            loaded; names the file and, if possible, the line. Nothing of that file is registered.
    """
    with _lock:
        for path in paths:
            _load(path.expanduser().absolute())


def loaded() -> dict[Path, Plugin]:
    """The loaded files, by absolute path."""
    return dict(_loaded)


def unload(path: Path) -> None:
    """Unregister everything that a file has registered."""
    with _lock:
        plugin = _loaded.pop(path.expanduser().absolute())
        _forget(plugin.names)
        if plugin.digest not in {other.digest for other in _loaded.values()}:
            sys.modules.pop(_module_name(plugin.digest), None)


def _load(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"Plug-in {path} can't be read ({error.strerror}); name a Python file.") from error
    digest = hashlib.sha256(content).hexdigest()
    if path in _loaded:
        if _loaded[path].digest != digest:
            raise PluginError(f"Plug-in {path} has changed since it was loaded: start again to use it as it is now.")
        return
    if digest in {plugin.digest for plugin in _loaded.values()}:
        _loaded[path] = Plugin(digest, ())
        return
    if (path, digest) in _broken:
        raise PluginError(_broken[path, digest])
    try:
        module = _executed(path, content, digest)
    except PluginError as error:
        _broken[path, digest] = str(error)
        raise
    try:
        _check_interface(path, module)
        _loaded[path] = Plugin(digest, _register(path, digest, _records(path, module)))
    except PluginError:
        del sys.modules[module.__name__]
        raise


def _executed(path: Path, content: bytes, digest: str) -> ModuleType:
    """The module of a file; errors that it raises are reported with their line.

    Its output goes to standard error, as standard output belongs to the command.
    """
    name = _module_name(digest)
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic looks up the types of settings there
    try:
        with redirect_stdout(sys.stderr):
            exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(_fault(path, error)) from error
    return module


def _module_name(digest: str) -> str:
    return f"poison_lab_plugin_{digest[:16]}"


def _fault(path: Path, error: BaseException) -> str:
    """An error in a file as one sentence, with its line."""
    is_syntax = isinstance(error, SyntaxError) and error.filename == str(path)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and is_syntax else next(reversed(lines), None)
    if isinstance(error, SyntaxError) and is_syntax:
        reason = f"{type(error).__name__}: {error.msg}"
    else:
        reason = str(error).rstrip(".") if isinstance(error, PoisonLabError) else described(error)
    return f"Plug-in {path}{f', line {line}' if line else ''}: {reason}."


def _check_interface(path: Path, module: ModuleType) -> None:
    """Check that a plug-in was written for this version of the interface."""
    version = getattr(module, "INTERFACE", None)
    if version != INTERFACE or isinstance(version, bool):
        problem = "names no interface" if version is None else f"is for interface {version!r}"
        raise PluginError(
            f"Plug-in {path} {problem}, and this is interface {INTERFACE}: adapt it, and set INTERFACE = {INTERFACE} "
            "in it."
        )


def _records(path: Path, module: ModuleType) -> list[Record]:
    """The records of a plug-in: its RECORD, or all of its RECORDS."""
    value = vars(module).get("RECORDS", vars(module).get("RECORD"))
    values = list(value) if isinstance(value, list | tuple) else [value]
    records = [record for record in values if isinstance(record, AttackRecord | DefenceRecord)]
    if not records or len(records) < len(values):
        raise PluginError(
            f"Plug-in {path} has no RECORD: give it one AttackRecord or DefenceRecord of this name, or several in "
            "RECORDS."
        )
    return records


def _register(path: Path, digest: str, records: list[Record]) -> tuple[str, ...]:
    """Register all records of a file, or none of them; returns their names."""
    names: list[str] = []
    try:
        for record in records:
            register: Callable[..., None] = attacks.register if isinstance(record, AttackRecord) else defences.register
            register(record)
            PLUGINS[record.name] = digest
            names.append(record.name)
    except RecordError as error:
        _forget(names)
        raise PluginError(f"Plug-in {path}: {error}.") from error
    return tuple(names)


def _forget(names: Sequence[str]) -> None:
    for name in names:
        (attacks if name in attacks.RECORDS else defences).forget(name)
