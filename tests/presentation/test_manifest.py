"""The manifest of poison, held against the run's own arrays and read by cleanlab itself."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.classification import CleanLearning
from sklearn.linear_model import LogisticRegression

from core.cli.main import main
from core.experiments import run_folder
from core.presentation import manifest
from tests.fakes import tiny_result, tiny_spec


def test_every_poisoned_row_is_named_with_its_base_and_its_hashes(tmp_path: Path) -> None:
    result = tiny_result(tiny_spec())
    run_folder.write(result, tmp_path / "run")
    assert main(["report", str(tmp_path / "run"), "--manifest", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(manifest.NAMES)
    table = pd.read_csv(tmp_path / "out" / "manifest.csv")
    poison, n = result.poison, len(result.features["train_y"])
    assert table["row"].tolist() == [n, n + 1]
    assert table["base_row"].tolist() == poison.base_index.tolist()
    assert table["label"].tolist() == poison.y.tolist()
    assert table["class"].tolist() == [result.classes[label] for label in poison.y]
    wrong = poison.y != result.features["train_y"][poison.base_index]
    assert table["is_mislabelled"].tolist() == wrong.tolist()
    assert table["features_sha256"][0] == hashlib.sha256(poison.z[0].tobytes()).hexdigest()
    png = (tmp_path / "run" / "poison" / "00001.png").read_bytes()
    assert table["image_sha256"][1] == hashlib.sha256(png).hexdigest()


def test_other_tools_read_their_own_formats(tmp_path: Path) -> None:
    result = tiny_result(tiny_spec())
    run_folder.write(result, tmp_path / "run")
    assert main(["report", str(tmp_path / "run"), "--manifest", str(tmp_path)]) == 0
    issues = pd.read_csv(tmp_path / "cleanlab.csv")
    with np.load(tmp_path / "art.npz") as arrays:
        x, y, is_clean = arrays["x_train"], arrays["y_train"], arrays["is_clean"]
    assert y.argmax(1).tolist() == issues["given_label"].tolist()
    assert np.flatnonzero(is_clean == 0).tolist() == [20, 21]
    # cleanlab itself takes the frame as what `find_label_issues` gave, and trains without the issues.
    learning = CleanLearning(LogisticRegression())
    learning.fit(x, issues["given_label"].to_numpy(), label_issues=issues)
    kept = LogisticRegression().fit(x[~issues["is_label_issue"]], issues["given_label"][~issues["is_label_issue"]])
    assert learning.predict(x).tolist() == kept.predict(x).tolist()
    labels = json.loads((tmp_path / "fiftyone.json").read_text())
    assert labels["classes"] == result.classes
    assert labels["labels"] == {f"{i:05d}": int(label) for i, label in enumerate(result.poison.y)}
