"""Every point of a run as a table: influence, loss, neighbours, the label out of fold, and what each defence says."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.experiments.point_scores import PointScores, ranks
from core.system.errors import SpecError
from core.system.files import spreadsheet_text

SUFFIXES = (".csv", ".parquet")


def table(scores: PointScores, classes: Sequence[str]) -> pd.DataFrame:
    """One row per point of the training set, the clean ones first.

        row, kind                    its row; clean or poisoned
        label, class                 number and name of its label
        held_out_class               the label that the head predicts which was trained without the point's fold
        loss                         cross-entropy of its label, under the head that was trained on all points
        influence                    first-order change of the attacks' outer loss by one more copy of the point
        same_label                   how many of its nearest neighbours have its label
        nearest_row, distance        the nearest point, and how far it is in feature space
        suspicion_D, rank_D, removed_D   what defence D says: larger is more suspicious, rank 1 is the most suspicious

    Args:
        scores: of the points of a run.
        classes: names of its classes.
    """
    names = np.array(classes)
    columns: dict[str, Any] = {
        "row": np.arange(len(scores)),
        "kind": np.where(scores.is_poison, "poisoned", "clean"),
        "label": scores.y,
        "class": names[scores.y],
        "held_out_class": names[scores.held_out],
        "loss": scores.loss,
        "influence": scores.influence,
        "same_label": scores.same_label,
        "nearest_row": scores.near[:, 0],
        "distance": scores.distance[:, 0],
    }
    for name, suspicion in scores.suspicion.items():
        columns |= {f"suspicion_{name}": suspicion, f"rank_{name}": ranks(suspicion)}
        columns[f"removed_{name}"] = scores.removed[name]
    return pd.DataFrame(columns)


def file(scores: PointScores, classes: Sequence[str], suffix: str) -> bytes:
    """The table as a file; in CSV, names of classes are escaped by `spreadsheet_text`.

    Args:
        scores: of the points of a run.
        classes: names of its classes.
        suffix: one of `SUFFIXES`.

    Raises:
        SpecError: unknown suffix.
    """
    if suffix not in SUFFIXES:
        raise SpecError(f"A table is a {' or '.join(SUFFIXES)} file; got {suffix or 'no suffix'!r}.")
    lines = table(scores, classes)
    if suffix == ".parquet":
        return bytes(lines.to_parquet(index=False))
    for name in ("class", "held_out_class"):
        lines[name] = lines[name].map(spreadsheet_text)
    return str(lines.to_csv(index=False, lineterminator="\n")).encode()
