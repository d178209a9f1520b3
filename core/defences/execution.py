"""The outer call of every defence."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.defences.algorithms.base import ScoreFunction, TrainingSet, Verdict, without_top
from core.defences.registry import record_of
from core.defences.settings import DefenceSettings, RankedSettings
from core.system.errors import RecordError


def judge(settings: DefenceSettings, data: TrainingSet) -> Verdict:
    """What a defence makes of a training set.

    Raises:
        RecordError: the defence answers in another shape than its record promises.
    """
    record = record_of(settings.name)
    if record.judge is not None:
        verdict = record.judge(settings, data)
    else:
        assert isinstance(settings, RankedSettings)
        suspicion = _suspicion(settings, data).double()
        verdict = Verdict(without_top(data, suspicion, settings.share), suspicion)
    if (
        verdict.keep.shape != data.y.shape
        or verdict.suspicion.shape != data.y.shape
        or verdict.keep.dtype != torch.bool
    ):
        raise RecordError(f"The defence {record.name!r} did not judge each of the {len(data.y)} points.")
    return verdict


def _suspicion(settings: RankedSettings, data: TrainingSet) -> Tensor:
    record = record_of(settings.name)
    if record.suspicion is not None:
        return record.suspicion(settings, data)
    assert record.score_function is not None
    return record.score_function(settings, data)(data.z, data.y)


def score_function(name: str) -> Callable[[TrainingSet], ScoreFunction]:
    """How the score function of a defence that can be evaded is fitted, with its default settings.

    Raises:
        SpecError: there is no such defence.
        RecordError: it has no score function.
    """
    record = record_of(name)
    if record.score_function is None:
        raise RecordError(f"The defence {name!r} has no score function, so no attack can be made to pass it.")
    fit = record.score_function
    return lambda data: fit(record.settings(), data)
