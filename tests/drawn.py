"""Small finished runs with everything that the app draws, for the tests of the pages."""

import numpy as np

from core.attacks.registry import RECORDS
from core.data.registry import DATA
from core.experiments.plot_data import PlotData
from core.experiments.result import Poison, Result
from core.experiments.summary import CurvePoint, TrajectoryStep
from core.heads.scores import Reachability, Score
from core.spec.experiment import ExperimentSpec


def drawn_result(spec: ExperimentSpec, clean: float = 0.8, poisoned: float = 0.6) -> Result:
    """A result as `core.experiments.run.run` would give it, from noise; every class has the same accuracy."""
    rng = np.random.default_rng(spec.seed)
    data = DATA[spec.data]
    k, n, m, d = len(data.classes), spec.train_size, spec.n_poison, 4
    train_y = np.arange(n) % k
    train_xy = rng.normal(size=(n, 2)).astype(np.float32)
    base = rng.choice(n, m, replace=False)
    y = (train_y[base] + 1) % k
    base_x = rng.integers(0, 200, (m, *data.shape), dtype=np.uint8)
    x = base_x if spec.attack.name == "label-flip" else base_x + np.uint8(10)
    z = rng.normal(size=(m, d)).astype(np.float32)
    record = RECORDS[spec.attack.name]
    makes_images = record.makes_images
    has_stage2 = "stage2" in [stage.name for stage in record.stages]
    has_target = spec.attack.name == "gc-feature"
    steps = [TrajectoryStep("clean", 0, clean)]
    steps += [TrajectoryStep("target", done, clean - 0.2 * done) for done in range(3) if has_target]
    steps += [TrajectoryStep("stage2", done, clean - 0.1 * done) for done in range(4) if has_stage2]
    steps += [TrajectoryStep("poison", 0, poisoned)] if makes_images else []
    moved = sum(step.stage in ("stage2", "poison") for step in steps)
    plot = PlotData(
        train_xy=train_xy,
        train_y=train_y,
        base_xy=train_xy[base],
        poison_xy=train_xy[base] + 1,
        noise_floor=0.25,
        preserved=0.5,
        shift=np.zeros(m, np.float32) if spec.attack.name == "label-flip" else np.arange(1, m + 1, dtype=np.float32),
        base_x=base_x,
        poison_y=y,
        base_y=train_y[base],
        base_index=base,
        stage2_xy=train_xy[base] + 2 if has_stage2 else None,
        poison_x=x if makes_images else None,
        train_pca=train_xy[:, ::-1],
        poison_pca=z[:, :2],
        pca_share=np.array([0.5, 0.25], np.float32),
        logits_clean=rng.normal(size=(n + m, k)).astype(np.float16),
        logits=rng.normal(size=(n + m, k)).astype(np.float16),
        influence=rng.normal(size=n + m).astype(np.float32) / 1e3,
        near=(np.arange(n + m)[:, None] + np.arange(1, 11)) % (n + m),
        near_distance=np.sort(rng.random((n + m, 10)), axis=1).astype(np.float16),
        walk_pca=rng.normal(size=(moved, m, 2)).astype(np.float32),
        walk_x=x[None, :12] if makes_images else None,
    )
    return Result(
        spec=spec,
        device="cpu",
        classes=list(data.classes),
        clean=Score(clean, [clean] * k),
        poisoned=Score(poisoned, [poisoned] * k),
        target=Score(0.2, [0.2] * k) if has_target else None,
        threshold=Reachability(spec.budget, 0.4, 0.6, 0.02, 0.7, [(0.01, 1.0), (1.0, 0.0)]) if has_target else None,
        stage2=Score(0.5, [0.5] * k) if has_stage2 else None,
        inversion_gap=None,
        seconds={"clean": 0.1},
        curve=[CurvePoint("stage2", i, {"train_accuracy": 0.9, "objective": 1.0}) for i in range(3)],
        features={
            "train_z": np.zeros((n, d), np.float32),
            "train_y": train_y,
            "poison_z": z,
            "poison_y": y,
            "test_z": np.zeros((spec.test_size, d), np.float32),
            "test_y": np.zeros(spec.test_size, np.int64),
        },
        poison=Poison(x=(x / 255).astype(np.float32) if makes_images else None, z=z, y=y, base_index=base),
        plot=plot,
        trajectory=steps,
    )
