"""Agreement: points whose labels the heads that were trained without them do not predict."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import RankedSettings

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet


class Agreement(RankedSettings):
    """Points whose labels the heads that were trained without them do not predict."""

    name: Literal["agreement"] = "agreement"
    folds: int = Field(5, ge=2, le=20, description="Parts of the cross-validation, each with a head of the others.")


def held_out(settings: Agreement, data: "TrainingSet") -> "Tensor":
    """(N, c) disagreement with every label, of the one head that was trained without the point's part."""
    from core.defences.algorithms.cross_validation import held_out_logits

    return disagreement(held_out_logits(data, settings.folds))


def score_function(settings: Agreement, data: "TrainingSet") -> "ScoreFunction":
    """The largest disagreement of any head, as a new point's part is not known; a maximum of linear functions."""
    import torch

    from core.defences.algorithms.cross_validation import fold_heads
    from core.heads import logistic as head

    heads = [theta for _, theta in fold_heads(data, settings.folds)]

    def largest(z: "Tensor", y: "Tensor") -> "Tensor":
        by_head = [disagreement(head.logits(theta, z)).gather(1, y[:, None])[:, 0] for theta in heads]
        return torch.stack(by_head).amax(0)

    return largest


def disagreement(logits: "Tensor") -> "Tensor":
    """(m, c) by how much the largest logit of another label exceeds that of each label, of logits (m, c).

    It is above 0 exactly for the labels that are not predicted.
    """
    import torch

    first, second = logits.topk(2, dim=1).values.unbind(1)
    is_first = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(1, keepdim=True), True)
    return torch.where(is_first, second[:, None], first[:, None]) - logits


RECORD = DefenceRecord(
    settings=Agreement,
    title="Agreement",
    summary="Removes the points whose labels heads trained without them do not predict.",
    source="Wang, Li 2026; ranked by margin, ours.",
    rank=85,
    score_function=score_function,
    held_out=held_out,
)
