"""The hierarchy of errors that users see.

Every message says what was wrong, what is allowed and what to do next, in one sentence or two: the
command line prints it and exits with code 2, the app shows it in a box.
"""

import traceback
from collections.abc import Callable, Iterable
from types import FunctionType


class PoisonLabError(Exception):
    """Base of all errors whose message is meant for users."""


class SpecError(PoisonLabError):
    """The requested experiment is invalid or out of bounds."""


class DataError(PoisonLabError):
    """A data set is missing, damaged or smaller than requested."""


class WeightsError(PoisonLabError):
    """The weights of an extractor are missing or do not fit its architecture."""


class DeviceError(PoisonLabError):
    """The requested device is not available on this machine."""


class InsufficientMemory(PoisonLabError):
    """The memory of the device or of the machine is not enough."""


class StoreError(PoisonLabError):
    """A stored result is missing or damaged."""


class LessonError(PoisonLabError):
    """A lesson's file is damaged or invalid."""


class SettingError(PoisonLabError):
    """A setting of the server is out of bounds."""


class EngineError(PoisonLabError):
    """The engine can't be reached or refuses a run."""


class AttackError(PoisonLabError):
    """An attack broke the rules of its experiment."""


class DefenceError(PoisonLabError):
    """A defence broke its contract."""


class RecordError(PoisonLabError):
    """The record of an attack or a defence is incomplete or invalid."""


class PluginError(PoisonLabError):
    """A plug-in can't be loaded."""


class ChallengeError(PoisonLabError):
    """A challenge refuses a code, a name or a submission."""


class Cancelled(PoisonLabError):
    """The user cancelled the run; raised by observers, never by an algorithm."""


def unknown(kind: str, name: str, known: Iterable[str]) -> SpecError:
    """The error for a name that is in no registry; its message lists the known names.

    Args:
        kind: what was looked up, such as "attack".
        name: the unknown name.
        known: the known names.
    """
    return SpecError(f"Unknown {kind} {name!r}. Known: {', '.join(sorted(known))}.")


def shown(name: str) -> str:
    """A name of a user's file or class in a sentence: quoted if it holds what can't be printed, as a newline."""
    return name if name.isprintable() else repr(name)


def where(error: BaseException, function: Callable[..., object]) -> str:
    """An error as part of a sentence: its class, its message, and the line in a function's file that raised it.

    Args:
        error: with its traceback.
        function: the line is looked up in its file.
    """
    file = function.__code__.co_filename if isinstance(function, FunctionType) else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{described(error)}{f' ({file}, line {lines[-1]})' if lines else ''}"


def described(error: BaseException) -> str:
    """The class of an error and its message, on one line and without a full stop."""
    message = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
