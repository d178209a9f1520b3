"""The experiments that ship with the project, so that a first screen shows results before anything is computed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from core import cache, paths, projection
from core.attacks import decoders
from core.catalog import resolve
from core.events import Observer, silent
from core.run import run
from core.spec import ExperimentSpec, FTDecoder

SPECS: tuple[ExperimentSpec, ...] = (ExperimentSpec(), ExperimentSpec(attack=FTDecoder()))
"""What ships. The first is the app's default."""


def build(observe: Observer = silent, assets: Path = paths.ASSETS) -> Iterator[Path]:
    """Compute what ships and is not there yet, and drop what no longer ships.

    The large `features.npz` of a run stays behind: it is computed anew in seconds. The map of its clean features
    and its decoder ship beside it, for runs of other attacks on the same images.

    Args:
        assets: the folder that ships.

    Yields:
        The folder of each run that ships.
    """
    runs, maps, trained = (assets / folder.name for folder in (paths.GALLERY, paths.MAPS, paths.DECODERS))
    specs = [resolve(spec) for spec in SPECS]
    for old in runs.glob("*/result.json"):
        if old.parent.name not in {spec.hash for spec in specs}:
            shutil.rmtree(old.parent)
    for spec in specs:
        if not (runs / spec.hash / "result.json").exists():
            result = run(spec, observe)
            result.write(runs / spec.hash, with_features=False)
            cache.write(maps / projection.cache_path(result.features["train_z"]).name, result.view["train_xy"])
            made = paths.cache() / "decoders" / decoders.file_name(result.digest)
            if made.exists():
                trained.mkdir(exist_ok=True)
                shutil.copy(made, trained)
        yield runs / spec.hash
