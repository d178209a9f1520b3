"""The one hierarchy of errors that a person may see.

Every message says what was wrong, what is allowed and what to do next, in one sentence or two: the
command line prints it and exits with 2, the app shows it in a box.
"""

from collections.abc import Iterable


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


class NoMemory(PoisonLabError):
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


class RecordError(PoisonLabError):
    """The record of an attack or a defence lacks something, or says what makes no sense."""


class PluginError(PoisonLabError):
    """A plug-in can't be loaded."""


class Cancelled(PoisonLabError):
    """A person cancelled the run; raised by observers, never by an algorithm."""


def unknown(kind: str, name: str, known: Iterable[str]) -> SpecError:
    """The error for a name that no registry holds; lists the known names."""
    return SpecError(f"Unknown {kind} {name!r}. Known: {', '.join(sorted(known))}.")
