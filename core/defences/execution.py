"""The outer call of every defence, which checks that it keeps its contract."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from core.defences.algorithms.base import ScoreFunction, TrainingSet, Verdict, without_top
from core.defences.record import DefenceRecord
from core.defences.registry import record_of
from core.defences.settings import DefenceSettings, RankedSettings
from core.spec.registry import PLUGINS
from core.system.errors import DefenceError, PoisonLabError, where

T = TypeVar("T")


def judge(settings: DefenceSettings, data: TrainingSet) -> Verdict:
    """The verdict of a defence on a training set.

    Raises:
        DefenceError: the defence breaks its contract or, if it comes from a plug-in, raised an error.
    """
    record = record_of(settings.name)
    if record.judge is None:
        assert isinstance(settings, RankedSettings)
        suspicion = _suspicion(record, settings, data)
        return Verdict(without_top(data, suspicion, settings.share), suspicion)
    decide = record.judge
    verdict = _called(record, decide, lambda: decide(settings, data))
    if not isinstance(verdict, Verdict):
        raise DefenceError(f"The defence {record.name!r} returned {type(verdict).__name__} instead of a Verdict.")
    _check(record, verdict.suspicion, data)
    if not isinstance(verdict.keep, Tensor) or verdict.keep.dtype != torch.bool or verdict.keep.shape != data.y.shape:
        raise DefenceError(f"The defence {record.name!r} did not say of each of the {len(data.y)} points if it stays.")
    return verdict


def score_function(name: str) -> Callable[[TrainingSet], ScoreFunction]:
    """Fits the score function of an evadable defence, with its default settings.

    Raises:
        SpecError: the defence is unknown.
        DefenceError: it has no score function.
    """
    record = record_of(name)
    if record.score_function is None:
        raise DefenceError(f"The defence {name!r} has no score function, so no attack can be made to pass it.")
    return lambda data: _fitted(record, record.settings(), data)[0]


def suspicion_by_label(name: str, data: TrainingSet) -> tuple[ScoreFunction, Tensor]:
    """The score function of an evadable defence fitted to a training set, and what it says of that set's own points.

    Args:
        name: of the defence, with its default settings.
        data: the training set.

    Returns:
        The score function, and the suspicion (N, c) of the set's points under every label.

    Raises:
        SpecError, DefenceError: see `score_function`.
    """
    score, record = score_function(name)(data), record_of(name)
    if record.held_out is not None:
        return score, _held_out(record, record.settings(), data)
    return score, torch.stack([score(data.z, torch.full_like(data.y, i)) for i in range(data.n_classes)], dim=1)


def _suspicion(record: DefenceRecord, settings: RankedSettings, data: TrainingSet) -> Tensor:
    """(N,) float64 suspicion by a defence that ranks points."""
    if record.held_out is not None:
        return _held_out(record, settings, data).gather(1, data.y[:, None])[:, 0]
    if record.suspicion is None:
        return _fitted(record, settings, data)[1].double()
    rank = record.suspicion
    suspicion = _called(record, rank, lambda: rank(settings, data))
    _check(record, suspicion, data)
    return suspicion.double()


def _held_out(record: DefenceRecord, settings: DefenceSettings, data: TrainingSet) -> Tensor:
    """(N, c) float64 suspicion of a training set's points under every label, by what was fitted without each point."""
    rank = record.held_out
    assert rank is not None
    suspicion = _called(record, rank, lambda: rank(settings, data))
    if not isinstance(suspicion, Tensor) or suspicion.shape != (len(data.y), data.n_classes):
        raise DefenceError(
            f"The defence {record.name!r} did not judge each of the {len(data.y)} points under each of the "
            f"{data.n_classes} labels."
        )
    _check(record, suspicion.amax(1), data)
    _check(record, suspicion.amin(1), data)
    return suspicion.double()


def _fitted(record: DefenceRecord, settings: DefenceSettings, data: TrainingSet) -> tuple[ScoreFunction, Tensor]:
    """A score function fitted to a training set, and the suspicion (N,) of that set's points."""
    fit = record.score_function
    assert fit is not None
    score = _called(record, fit, lambda: fit(settings, data))
    if not callable(score):
        raise DefenceError(f"The defence {record.name!r} returned {type(score).__name__} instead of a score function.")
    suspicion = _called(record, score, lambda: score(data.z, data.y))
    _check(record, suspicion, data)
    return score, suspicion


def _check(record: DefenceRecord, suspicion: object, data: TrainingSet) -> None:
    """Check that suspicion is one finite number for each point.

    Raises:
        DefenceError: it is not.
    """
    if not isinstance(suspicion, Tensor) or not suspicion.is_floating_point() or suspicion.shape != data.y.shape:
        raise DefenceError(f"The defence {record.name!r} did not judge each of the {len(data.y)} points.")
    if not bool(suspicion.isfinite().all()):
        raise DefenceError(f"The defence {record.name!r} gave some points a suspicion that is not finite.")


def _called(record: DefenceRecord, function: Callable[..., object], call: Callable[[], T]) -> T:
    """The result of calling one of a defence's functions.

    Args:
        record: of the defence.
        function: the function that is called, whose file the error names.
        call: calls it.

    Raises:
        DefenceError: the function of a plug-in raised an error. Errors of shipped defences are bugs, and pass through.
    """
    try:
        return call()
    except (PoisonLabError, MemoryError, torch.OutOfMemoryError):  # memory errors have a message of their own
        raise
    except (Exception, SystemExit) as error:
        if record.name not in PLUGINS:
            raise
        raise DefenceError(f"The defence {record.name!r} failed: {where(error, function)}.") from error
