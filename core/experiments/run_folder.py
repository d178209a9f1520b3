"""A run's folder on disk.

result.json     the numbers: see `core.experiments.summary.RunSummary`
features.npz    train_z, train_y, poison_z, poison_y, test_z, test_y, on which the heads were fitted
poison.npz      x (m, C, H, W) float32 in [0, 1] (missing if the attack makes no images), y, base_index
poison/*.png    the same images in 8 bits (clipped to [0, 1] under the constraint `none`), and labels.csv
view.npz        arrays that the app draws: see `core.experiments.plot_data.PlotData`; empty without a map
manifest.json   SHA-256 of every file above
"""

import csv
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.experiments.result import Result, to_uint8
from core.system import finite_json
from core.system.arrays import Array
from core.system.files import spreadsheet_text


def write(result: Result, folder: Path, *, with_features: bool = True) -> None:
    """Write a run's folder atomically; replaces an existing folder.

    Args:
        result: of the run.
        folder: to write; parents are created.
        with_features: whether to write the large `features.npz`.

    Raises:
        OSError: it can't be written, e.g. the disk is full.
    """
    with _replacing(folder) as work:
        _write_files(result, work, with_features)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder to write to, which then takes the place of this one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield work
        work.chmod(0o755)
        replace_folder(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_completed(files: Mapping[str, bytes], features: Mapping[str, Array], folder: Path) -> None:
    """Write the folder of a run that was kept without its features, with them; as atomically as `write`.

    Args:
        files: of the run, by their paths in the folder; without features and manifest.
        features: see `Result.features`.
        folder: to write; parents are created.

    Raises:
        OSError: it can't be written, e.g. the disk is full.
    """
    with _replacing(folder) as work:
        for name, content in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        write_npz(work / "features.npz", features)
        write_json(work / "manifest.json", checksums(work))


def _write_files(result: Result, folder: Path, with_features: bool) -> None:
    poison = result.poison
    if with_features:
        write_npz(folder / "features.npz", result.features)
    arrays = {"y": poison.y, "base_index": poison.base_index}
    write_npz(folder / "poison.npz", arrays if poison.x is None else {"x": poison.x, **arrays})
    write_npz(folder / "view.npz", {} if result.plot is None else result.plot.to_arrays())
    if poison.x is not None:
        _write_images(result, poison.x, folder / "poison")
    write_json(folder / "result.json", result.summary().to_json())
    write_json(folder / "manifest.json", checksums(folder))


def _write_images(result: Result, x: Array, folder: Path) -> None:
    """Write images (m, C, H, W) in [0, 1] as PNG files, and labels.csv."""
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label", "class", "base_index"])
        for i, image in enumerate(to_uint8(x)):
            name = f"{i:05d}.png"
            pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
            Image.fromarray(pixels).save(folder / name)
            label, base = int(result.poison.y[i]), int(result.poison.base_index[i])
            rows.writerow([name, label, spreadsheet_text(result.classes[label]), base])


def write_json(path: Path, value: Any) -> None:
    """Write indented, sorted JSON with a final newline."""
    path.write_text(finite_json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Like `numpy.savez_compressed`, for arrays of any shape, but with fixed time stamps: same arrays, same bytes."""
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
    """Move a finished folder into place; an existing one is moved away first and then deleted."""
    if not target.exists():
        os.replace(work, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    try:
        os.replace(target, old / "run")
        os.replace(work, target)
    finally:
        shutil.rmtree(old, ignore_errors=True)
