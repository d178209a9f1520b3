"""What a run hands back, and its form on disk.

A run's folder:

    result.json     the numbers: see `Result.summary`
    features.npz    train_z, train_y, poison_z, poison_y, test_z, test_y: what the heads were fitted on
    poison.npz      x (m, C, H, W) float32 in [0, 1] (absent where the attack makes no images), y, base_index
    poison/*.png    the same images in 8 bits (clipped to [0, 1] under the constraint `none`), and labels.csv
    view.npz        what the app draws: see `Result.view`
    manifest.json   SHA-256 of every file above
"""

import csv
import hashlib
import json
import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.special import bdtr

from core.heads.scores import Reachability, Score
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array
from core.system.files import spreadsheet_text

LUCK = 0.05
"""The `chance` of a drop below which it is told as one."""
SCORES: dict[str, tuple[str, str]] = {
    "clean": ("Clean", "Test accuracy of the head trained on the clean images alone."),
    "target": (
        "Target",
        "Test accuracy of the target parameters: the bad head that the attack would like the defender to "
        "train. Attacks without target parameters show a dash.",
    ),
    "stage2": (
        "Stage 2",
        "Test accuracy after retraining on the poisoned features themselves, before they are turned into "
        "images. Attacks without this stage show a dash.",
    ),
    "poisoned": ("Poisoned", "Test accuracy of the head retrained on clean and poisoned images: the attack."),
}
"""The accuracies of a run, by their key in result.json: a name and what it means."""


@dataclass(frozen=True)
class Poison:
    """The poison of a run, as the defender receives it.

    Attributes:
        x: (m, C, H, W) float32 in [0, 1], multiples of 1/255, or any numbers under the constraint `none`; None
            for attacks that make features only.
        z: (m, d) float32, features of `x`, or the free features themselves.
        y: (m,) int64 labels.
        base_index: (m,) int64, row of each base point in the training set.
        zeta: (m, d) float32, the poisoned features of stage 2; None where the attack has no stage 2.
    """

    x: Array | None
    z: Array
    y: Array
    base_index: Array
    zeta: Array | None = None


@dataclass(frozen=True)
class Result:
    """Everything that one run found.

    `view` holds, for the app, of n clean training points and m poisons:

    - `train_xy` (n, 2), `base_xy`, `poison_xy`, `stage2_xy` (m, 2; the last absent without a stage 2): the map that was
      fitted on clean features; `noise_floor`, a scalar in map units; `preserved`, a share in [0, 1]: see
      `core.experiments.plotting`;
    - `train_pca` (n, 2), `poison_pca`, `stage2_pca` (m, 2): the same on principal components of the clean features,
      which explain `pca_share` (2,) of their variance;
    - `train_y` (n,), `poison_y`, `base_y`, `base_index` (m,); `base_x`, `poison_x` (m, C, H, W) uint8 (the latter
      absent without images);
    - `shift` (m,) distance in feature space from base to poison; `gap` (m,) inversion gap (absent without inversion);
    - of clean points, then poison: `logits_clean`, `logits` (n + m, c) float16 by the clean and the poisoned head,
      `influence` (n + m,) what the point adds to the test loss, `near` (n + m, k) rows of its neighbours in feature
      space, and `near_distance` (n + m, k) float16.

    - of the steps of the walk that have poison, of its first k: `walk_pca` (s, k, 2); and of those that have images,
      of the first few: `walk_x` (t, j, C, H, W) uint8.

    `digest` names the extractor and the training images by content, `versions` what computed it; `walk` lists how the
    run came about: see `core.experiments.trajectory.Step.summary`.
    """

    spec: ExperimentSpec
    device: str
    classes: list[str]
    clean: Score
    poisoned: Score
    target: Score | None
    stage2: Score | None
    inversion_gap: float | None
    seconds: dict[str, float]
    curve: list[dict[str, Any]]
    features: Mapping[str, Array]
    poison: Poison
    view: Mapping[str, Array] = field(default_factory=dict)
    notes: Mapping[str, float] = field(default_factory=dict)
    threshold: Reachability | None = None
    digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    walk: Sequence[Mapping[str, Any]] = ()
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The content of result.json: identical for the same spec on the same machine, `seconds` aside."""
        return {
            "spec": self.spec.model_dump(mode="json"),
            "spec_hash": self.spec.hash,
            "device": self.device,
            "n_train": len(self.features["train_y"]),
            "n_test": len(self.features["test_y"]),
            "n_poison": len(self.poison.y),
            "lambda": self.spec.ridge,
            "classes": self.classes,
            "clean": _score(self.clean),
            "target": _score(self.target),
            "stage2": _score(self.stage2),
            "poisoned": _score(self.poisoned),
            "inversion_gap": self.inversion_gap,
            "threshold": None if self.threshold is None else asdict(self.threshold),
            "notes": dict(self.notes),
            "curve": self.curve,
            "walk": [dict(step) for step in self.walk],
            "seconds": self.seconds,
            "versions": dict(self.versions),
            **({"plugins": dict(self.plugins)} if self.plugins else {}),
        }

    def write(self, folder: Path, *, with_features: bool = True) -> None:
        """Write the run's folder atomically: it is there whole, or not at all.

        An existing folder of an earlier run at the same place is replaced.

        Args:
            with_features: whether to write the large `features.npz`.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            self._write_files(work, with_features)
            work.chmod(0o755)
            replace_folder(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _write_files(self, folder: Path, with_features: bool) -> None:
        poison = self.poison
        if with_features:
            write_npz(folder / "features.npz", self.features)
        arrays = {"y": poison.y, "base_index": poison.base_index}
        write_npz(folder / "poison.npz", arrays if poison.x is None else {"x": poison.x, **arrays})
        write_npz(folder / "view.npz", self.view)
        if poison.x is not None:
            (folder / "poison").mkdir()
            with (folder / "poison" / "labels.csv").open("w", newline="") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow(["file", "label", "class", "base_index"])
                for i, image in enumerate(to_uint8(poison.x)):
                    name = f"{i:05d}.png"
                    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
                    Image.fromarray(pixels).save(folder / "poison" / name)
                    label = int(poison.y[i])
                    rows.writerow([name, label, spreadsheet_text(self.classes[label]), int(poison.base_index[i])])
        write_json(folder / "result.json", self.summary())
        write_json(folder / "manifest.json", checksums(folder))


def _score(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else asdict(score)


def drop(result: Mapping[str, Any], of: str = "poisoned") -> float:
    """Points of test accuracy that one of a run's heads lies below the clean one.

    Args:
        result: the content of result.json.
        of: a key of `SCORES` that the run has.
    """
    return float(100 * (result["clean"]["accuracy"] - result[of]["accuracy"]))


def standard_error(result: Mapping[str, Any], of: str = "poisoned") -> float:
    """Of the accuracy of one head, in points: √(p(1 − p)/t) on t test images; arguments as for `drop`."""
    p = float(result[of]["accuracy"])
    return 100 * math.sqrt(p * (1 - p) / result["n_test"])


def paired_error(result: Mapping[str, Any], of: str = "poisoned") -> float:
    """Standard error of a drop, in points: √(b + c - (b - c)² / t) / t, with b test images lost, c gained, of t.

    Both heads see the same images, so that this is much less than two accuracies measured apart would have. Runs of
    which nobody counted get the error of two such. Arguments as for `drop`.
    """
    lost, gained = (result[of].get(key) for key in ("lost", "gained"))
    if lost is None or gained is None:
        return math.hypot(standard_error(result, "clean"), standard_error(result, of))
    n_test = int(result["n_test"])
    return 100 * math.sqrt(max(0.0, lost + gained - (lost - gained) ** 2 / n_test)) / n_test


def chance(result: Mapping[str, Any], of: str = "poisoned") -> float:
    """p-value of a drop: how often luck alone would move accuracy by as much, either way.

    McNemar's exact test: of the test images on which the two heads differ, each is lost or gained by a fair coin.
    Where nobody counted, a z-test of the drop by its `paired_error`. Arguments as for `drop`.
    """
    lost, gained = (result[of].get(key) for key in ("lost", "gained"))
    if lost is not None and gained is not None:
        return min(1.0, 2 * float(bdtr(min(lost, gained), lost + gained, 0.5)))
    error = paired_error(result, of)
    return math.erfc(abs(drop(result, of)) / error / math.sqrt(2)) if error else float(drop(result, of) == 0)


def least_budget(threshold: Mapping[str, Any]) -> float | None:
    """The smallest budget that is not ruled out by a stored `Reachability`; None where none is enough."""
    if threshold["tau_ridge"] is None:  # the ridge alone keeps every budget away
        return None
    return float(max(threshold["tau_ridge"], threshold["certificate"] or 0.0))


def to_uint8(x: Array) -> Array:
    """Images in [0, 1] as the 8-bit images that are exported."""
    return np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype(np.uint8)


def write_json(path: Path, value: Any) -> None:
    """Indented, sorted JSON with a final newline."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Like `numpy.savez_compressed`, but with fixed time stamps: same arrays, same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            buffer = BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a run's folder except the manifest, by relative path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def replace_folder(work: Path, target: Path) -> None:
    """Move a finished folder into place; an older one there steps aside first and is then deleted."""
    if not target.exists():
        os.replace(work, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    try:
        os.replace(target, old / "run")
        os.replace(work, target)
    finally:
        shutil.rmtree(old, ignore_errors=True)
