"""The table of all points holds what is known of each, in the order of the training set."""

import io

import numpy as np
import pandas as pd
import pytest

from core.experiments.point_scores import PointScores
from core.presentation import point_table
from core.system.errors import SpecError

CLASSES = ["=coat", "shoe"]


@pytest.fixture
def scores() -> PointScores:
    return PointScores(
        y=np.array([0, 1, 1]),
        is_poison=np.array([False, False, True]),
        loss=np.array([0.25, 0.5, 4.0]),
        influence=np.array([-0.001, 0.0, 0.002]),
        held_out=np.array([0, 1, 0]),
        near=np.array([[1, 2], [2, 0], [1, 0]]),
        distance=np.array([[1.0, 2.0], [0.5, 1.0], [0.5, 2.0]]),
        suspicion={"loss": np.array([0.25, 0.5, 4.0])},
        removed={"loss": np.array([False, False, True])},
    )


def test_every_point_has_a_row(scores: PointScores) -> None:
    table = point_table.table(scores, CLASSES)
    assert table["kind"].tolist() == ["clean", "clean", "poisoned"]
    assert table["held_out_class"].tolist() == ["=coat", "shoe", "=coat"]
    assert table["same_label"].tolist() == [0, 1, 1]
    assert table["nearest_row"].tolist() == [1, 2, 1]
    assert table["rank_loss"].tolist() == [3, 2, 1]
    assert table["removed_loss"].tolist() == [False, False, True]


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_both_files_hold_the_table(suffix: str, read: object, scores: PointScores) -> None:
    again = read(io.BytesIO(point_table.file(scores, CLASSES, suffix)))  # type: ignore[operator]
    assert again["influence"].tolist() == [-0.001, 0.0, 0.002]
    assert again["class"].tolist() == [("'=coat" if suffix == ".csv" else "=coat"), "shoe", "shoe"]
    with pytest.raises(SpecError, match=r"\.csv or \.parquet file; got '\.xlsx'"):
        point_table.file(scores, CLASSES, ".xlsx")
