"""The experiments that ship with the project, so that a first screen shows results before anything is computed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from core import paths, projection
from core.catalog import resolve
from core.events import Observer, silent
from core.run import run
from core.spec import ExperimentSpec

SPECS: tuple[ExperimentSpec, ...] = (ExperimentSpec(),)
"""What ships. The first is the app's default."""


def build(observe: Observer = silent, folder: Path | None = None, maps: Path | None = None) -> Iterator[Path]:
    """Compute what ships and is not there yet, and drop what no longer ships.

    The large `features.npz` of a run stays behind: it is computed anew in seconds.

    Args:
        folder: where the runs go; None is assets/gallery.
        maps: where the fitted maps go; None is assets/maps.

    Yields:
        The folder of each run that ships.
    """
    folder, maps = folder or paths.GALLERY, maps or paths.MAPS
    specs = [resolve(spec) for spec in SPECS]
    for old in folder.glob("*/result.json"):
        if old.parent.name not in {spec.hash for spec in specs}:
            shutil.rmtree(old.parent)
    for spec in specs:
        if not (folder / spec.hash / "result.json").exists():
            result = run(spec, observe)
            result.write(folder / spec.hash, with_features=False)
            maps.mkdir(parents=True, exist_ok=True)
            shutil.copy(projection.cache_path(result.features["train_z"]), maps)
        yield folder / spec.hash
