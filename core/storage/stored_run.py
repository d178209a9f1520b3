"""A finished run on disk, and how to read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from core.experiments.plot_data import PlotData
from core.experiments.summary import RunSummary
from core.spec.experiment import ExperimentSpec
from core.storage.integrity import DamagedError, RunFolder, is_current, retried
from core.storage.marks import UseMarks
from core.system.arrays import Array
from core.system.errors import SpecError, StoreError


@dataclass(frozen=True)
class StoredRun:
    """One finished run on disk.

    Attributes:
        folder: of the run; see `core.experiments.run_folder` for its files.
        shipped: whether it is read-only and may lack `features.npz`: it ships with the project, or was loaded from
            a folder (`load`).
        content: parsed result.json; `summary` is its typed form.
    """

    folder: Path
    shipped: bool
    content: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """The hash of the spec, which names the folder of a store."""
        return str(self.content["spec_hash"])

    @cached_property
    def summary(self) -> RunSummary:
        """The numbers of the run.

        Raises:
            StoreError: this version can't read result.json.
        """
        try:
            return RunSummary.from_json(self.content)
        except KeyError as error:
            reason = f"result.json has no {error.args[0]!r}"
        except (TypeError, ValueError, AttributeError, SpecError) as error:
            reason = f"result.json: {error}"
        raise StoreError(f"Run {self.hash} can't be read ({reason.rstrip('.')}); run the experiment again.")

    @property
    def spec(self) -> ExperimentSpec:
        """The experiment that was run; errors as for `summary`."""
        return self.summary.spec

    def plot(self) -> PlotData | None:
        """The arrays that the app draws; None if the run has no map.

        Raises:
            StoreError: the file is missing or damaged; likewise for `poison` and `features`.
        """
        return PlotData.from_arrays(self._arrays("view.npz"))

    def poison(self) -> dict[str, Array]:
        """`y` and `base_index` (m,), and `x` (m, C, H, W) float32 in [0, 1] if the attack makes images."""
        return self._arrays("poison.npz")

    def features(self, device: str = "auto") -> dict[str, Array]:
        """The arrays that the heads were fitted on; extracted from its images where the run was kept without them.

        Args:
            device: to extract on, "auto", "cpu" or "cuda".

        Returns:
            `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,), `test_z` (t, d) and `test_y` (t,).
        """
        if not self.has_features and self.images():
            from core.experiments.restored import features_of  # torch

            return features_of(self.spec, self.poison(), device=device)
        return self._arrays("features.npz")

    @property
    def has_features(self) -> bool:
        """Whether it was kept with its features; runs that ship are not, to save space."""
        return (self.folder / "features.npz").exists()

    def images(self) -> list[Path]:
        """PNG files of the poisoned images, in the order of their rows; empty if the attack makes no images."""
        return sorted((self.folder / "poison").glob("*.png"))

    def files(self) -> dict[str, bytes]:
        """The content of its files by their paths, without features and manifest; errors as for `file`."""
        try:
            names = RunFolder(self.folder, self.shipped).manifest()
        except DamagedError as error:
            raise StoreError(f"Run {self.hash} is damaged ({error}); run the experiment again.") from error
        return {name: self.file(name) for name in names if name != "features.npz"}

    def file(self, name: str) -> bytes:
        """The content of a file by its path in the folder, verified against the manifest.

        Raises:
            StoreError: the file is missing or damaged.
        """
        if not (self.folder / name).exists():
            raise StoreError(f"{name} of run {self.hash} isn't stored; run the experiment again to have it.")
        if not self.shipped:
            UseMarks(self.folder.parent).note(self.folder.name)
        folder = RunFolder(self.folder, self.shipped)
        try:
            return retried(partial(folder.read, name))
        except DamagedError as error:
            if not folder.exists:  # deleted by the store in the meantime
                raise StoreError(f"Run {self.hash} isn't stored any more; run the experiment again.") from error
            if not self.shipped:
                folder.set_aside(str(error))
            raise StoreError(f"Run {self.hash} is damaged ({error}); run the experiment again.") from error

    def _arrays(self, name: str) -> dict[str, Array]:
        with np.load(BytesIO(self.file(name)), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}


def load(path: Path) -> StoredRun:
    """Load a run from a folder of any name, as written by the command line; it is never modified.

    Raises:
        StoreError: it is not a run's folder, is damaged, or was written by an incompatible version.
    """
    folder = RunFolder(path, shipped=True)
    if not folder.exists:
        raise StoreError(f"{path} is not a run's folder: it has no manifest.json.")
    try:
        result = folder.read_result()
    except DamagedError as error:
        raise StoreError(f"The run in {path} is damaged ({error}); run the experiment again.") from error
    if not is_current(result):
        raise StoreError(f"The run in {path} is of another version of Poison Lab; run the experiment again.")
    return StoredRun(path, True, result)
