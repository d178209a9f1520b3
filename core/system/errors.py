"""The one hierarchy of errors that a person may see.

Every message says what was wrong, what is allowed and what to do next, in one sentence or two: the
command line prints it and exits with 2, the app shows it in a box.
"""

import traceback
from collections.abc import Callable, Iterable
from types import FunctionType


class PoisonLabError(Exception):
    """Base of all errors whose message is meant for a person."""


class SpecError(PoisonLabError):
    """An experiment was asked for that makes no sense or is out of bounds."""


class DataError(PoisonLabError):
    """A data set is missing, damaged or smaller than what was asked for."""


class WeightsError(PoisonLabError):
    """The weights of an extractor are missing or do not fit its architecture."""


class DeviceError(PoisonLabError):
    """The device asked for is not on this machine."""


class InsufficientMemory(PoisonLabError):
    """The memory of the device or of the machine is not enough."""


class StoreError(PoisonLabError):
    """A stored result is missing or damaged."""


class LessonError(PoisonLabError):
    """A lesson's file is damaged or says something that makes no sense."""


class SettingError(PoisonLabError):
    """A setting of the server is out of bounds."""


class EngineError(PoisonLabError):
    """The engine can't be reached or refuses a run."""


class AttackError(PoisonLabError):
    """An attack broke the rules of its experiment."""


class DefenceError(PoisonLabError):
    """A defence broke its contract."""


class RecordError(PoisonLabError):
    """The record of an attack or a defence lacks something, or says what makes no sense."""


class PluginError(PoisonLabError):
    """A plug-in can't be loaded."""


class Cancelled(PoisonLabError):
    """A person cancelled the run; raised by observers, never by an algorithm."""


def unknown(kind: str, name: str, known: Iterable[str]) -> SpecError:
    """The error for a name that no registry holds; lists the known names."""
    return SpecError(f"Unknown {kind} {name!r}. Known: {', '.join(sorted(known))}.")


def where(error: BaseException, function: Callable[..., object]) -> str:
    """An error as part of a sentence: its kind, its message, and the line in the file of a function that led to it.

    Args:
        error: with its traceback.
        function: whose file is meant.
    """
    file = function.__code__.co_filename if isinstance(function, FunctionType) else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{described(error)}{f' ({file}, line {lines[-1]})' if lines else ''}"


def described(error: BaseException) -> str:
    """The kind of an error and its message, on one line and without a full stop."""
    message = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
