"""Exactly which points of a run's training set are poison, handed on: a manifest, and what other tools read.

manifest.csv   a row for each poisoned point: its row in the training set, its base, labels and hashes
cleanlab.csv   a row for each training point: the columns of cleanlab's `CleanLearning.find_label_issues`
art.npz        x_train, y_train (one-hot) and is_clean, as ART's filters and their `evaluate_defence` take them
fiftyone.json  labels of the poisoned images in FiftyOne's FiftyOneImageClassificationDataset
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from core.experiments.run_folder import write_npz
from core.storage.runs import StoredRun
from core.system import finite_json
from core.system.arrays import Array
from core.system.errors import StoreError
from core.system.files import spreadsheet_text, write_text

NAMES = ("manifest.csv", "cleanlab.csv", "art.npz", "fiftyone.json")


def rows(run: StoredRun) -> pd.DataFrame:
    """The poisoned points of a run, in the order of the training set, which has the clean points first.

    Raises:
        StoreError: the run has neither features nor images, or no base rows, or is damaged.
    """
    return _rows(run, run.features())


def _rows(run: StoredRun, features: Mapping[str, Array]) -> pd.DataFrame:
    classes = run.summary.classes
    base, n = _base(run), len(features["train_y"])
    labels, base_labels = features["poison_y"], features["train_y"][base]
    images = [run.folder / "poison" / f"{i:05d}.png" for i in range(len(base))]
    return pd.DataFrame(
        {
            "row": np.arange(n, n + len(base)),
            "base_row": base,
            "label": labels,
            "class": [spreadsheet_text(classes[label]) for label in labels],
            "base_label": base_labels,
            "base_class": [spreadsheet_text(classes[label]) for label in base_labels],
            "is_mislabelled": labels != base_labels,
            "features_sha256": [_digest(z) for z in features["poison_z"]],
            "base_features_sha256": [_digest(z) for z in features["train_z"][base]],
            "image": [f"poison/{path.name}" if path.exists() else "" for path in images],
            "image_sha256": [hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "" for path in images],
        }
    )


def write(run: StoredRun, folder: Path) -> None:
    """Write the manifest of a run, and the files of other tools; see the module's docstring.

    Args:
        run: with features or images.
        folder: created if missing; files of an earlier manifest are replaced.

    Raises:
        StoreError: see `rows`, or the folder can't be written.
    """
    features, classes = run.features(), run.summary.classes
    table = _rows(run, features)
    y = np.concatenate([features["train_y"], features["poison_y"]])
    is_poison = np.arange(len(y)) >= len(features["train_y"])
    true = np.concatenate([features["train_y"], table["base_label"].to_numpy()])
    issues = pd.DataFrame(
        {
            "is_label_issue": is_poison & (y != true),
            "label_quality": np.where(y != true, 0.0, 1.0),
            "given_label": y,
            "predicted_label": true,
        }
    )
    images = {path.removeprefix("poison/").removesuffix(".png"): int(label) for path, label in _labelled(table)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "manifest.csv", table.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "cleanlab.csv", issues.to_csv(index=False, lineterminator="\n"))
        write_npz(
            folder / "art.npz",
            {
                "x_train": np.concatenate([features["train_z"], features["poison_z"]]),
                "y_train": np.eye(len(classes), dtype=np.float32)[y],
                "is_clean": (~is_poison).astype(np.int64),
            },
        )
        write_text(
            folder / "fiftyone.json", finite_json.dumps({"classes": list(classes), "labels": images}, indent=1) + "\n"
        )
    except OSError as error:
        raise StoreError(f"{folder} can't be written ({error.strerror}): choose another folder.") from error


def _labelled(table: pd.DataFrame) -> list[tuple[str, int]]:
    return [(path, label) for path, label in zip(table["image"], table["label"], strict=True) if path]


def _base(run: StoredRun) -> Array:
    with np.load(run.folder / "poison.npz", allow_pickle=False) as archive:
        if "base_index" not in archive:
            raise StoreError(f"Run {run.hash} has no rows of its base points: repeat it.")
        return np.asarray(archive["base_index"])


def _digest(z: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(z, np.float32).tobytes()).hexdigest()
