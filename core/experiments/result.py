"""The result of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.experiments.plot_data import PlotData
from core.experiments.summary import CurvePoint, RunSummary, TrajectoryStep
from core.heads.scores import Reachability, Score
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array


@dataclass(frozen=True)
class Poison:
    """The poison of a run, as the defender receives it.

    Attributes:
        x: (m, C, H, W) float32 in [0, 1], multiples of 1/255, or arbitrary under the constraint `none`; None for
            attacks that make features only.
        z: (m, d) float32, features of `x`, or the free features themselves.
        y: (m,) int64 labels.
        base_index: (m,) int64, row of each base point in the training set.
        zeta: (m, d) float32, the poisoned features of stage 2; None where the attack has no stage 2.
        own_base: where the attacker has points of its own, the images (m, C, H, W) uint8 that the poison was made from,
            or pictures of feature vectors, and their features (m, d); `base_index` then names the training points of
            the same classes that lie nearest to them.
    """

    x: Array | None
    z: Array
    y: Array
    base_index: Array
    zeta: Array | None = None
    own_base: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Result:
    """Everything that a run computed; written to disk by `core.experiments.run_folder`.

    Attributes:
        spec: the experiment, resolved.
        device: that computed it: "cpu", or the name of a GPU.
        classes: names of the c classes.
        clean, poisoned, target, stage2, inversion_gap, threshold, seconds, curve, trajectory, notes, versions, plugins,
            remarks: see `core.experiments.summary.RunSummary`.
        features: that the heads were fitted on: `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,),
            `test_z` (t, d), `test_y` (t,).
        poison: as the defender receives it.
        plot: arrays that the app draws; None without a map.
        digest: content hash of extractor and training images.
    """

    spec: ExperimentSpec
    device: str
    classes: list[str]
    clean: Score
    poisoned: Score
    target: Score | None
    stage2: Score | None
    inversion_gap: float | None
    seconds: Mapping[str, float]
    curve: Sequence[CurvePoint]
    features: Mapping[str, Array]
    poison: Poison
    plot: PlotData | None = None
    notes: Mapping[str, float] = field(default_factory=dict)
    threshold: Reachability | None = None
    digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    trajectory: Sequence[TrajectoryStep] = ()
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def summary(self) -> RunSummary:
        """The numbers, i.e. the content of result.json."""
        return RunSummary(
            spec=self.spec,
            spec_hash=self.spec.hash,
            device=self.device,
            n_train=len(self.features["train_y"]),
            n_test=len(self.features["test_y"]),
            n_poison=len(self.poison.y),
            classes=tuple(self.classes),
            clean=self.clean,
            poisoned=self.poisoned,
            target=self.target,
            stage2=self.stage2,
            inversion_gap=self.inversion_gap,
            threshold=self.threshold,
            seconds=self.seconds,
            notes=self.notes,
            curve=tuple(self.curve),
            trajectory=tuple(self.trajectory),
            versions=self.versions,
            plugins=self.plugins,
            remarks=self.remarks,
        )


def to_uint8(x: Array) -> Array:
    """Convert images (..., C, H, W) from [0, 1] to the exported 8-bit images (..., C, H, W)."""
    return np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype(np.uint8)
