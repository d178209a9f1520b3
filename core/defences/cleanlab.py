"""Label issues: cleanlab's confident learning on cross-validated probabilities."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.defences.record import DefenceRecord
from core.defences.settings import DefenceSettings

if TYPE_CHECKING:
    from core.defences.algorithms.base import TrainingSet, Verdict


class LabelIssues(DefenceSettings):
    """Labels that heads trained without the point find unlikely, by the library cleanlab."""

    name: Literal["cleanlab"] = "cleanlab"
    folds: int = Field(5, ge=2, le=20, description="Parts of the cross-validation.")


def judge(settings: LabelIssues, data: "TrainingSet") -> "Verdict":
    """Remove the label issues that cleanlab finds in cross-validated probabilities."""
    import numpy as np
    import torch
    from cleanlab.filter import find_label_issues  # imports much that nothing else needs
    from cleanlab.rank import get_label_quality_scores

    from core.defences.algorithms.base import Verdict
    from core.defences.algorithms.cross_validation import held_out_probabilities

    # cleanlab requires every class to have points, but another defence may have removed one.
    present, labels = np.unique(data.y.cpu().numpy(), return_inverse=True)
    p = held_out_probabilities(data, settings.folds)[:, present]
    p /= p.sum(1, keepdims=True)
    issues = find_label_issues(labels=labels, pred_probs=p, n_jobs=1)  # a worker may start no processes
    quality = get_label_quality_scores(labels=labels, pred_probs=p)
    keep = torch.as_tensor(~issues, device=data.y.device)
    return Verdict(keep, torch.as_tensor(1.0 - quality, dtype=torch.float64, device=data.y.device))


RECORD = DefenceRecord(
    settings=LabelIssues,
    title="Label issues",
    summary="Removes the labels that heads trained without the point don't believe.",
    source="cleanlab; Northcutt, Jiang, Chuang 2021.",
    rank=90,
    judge=judge,
)
