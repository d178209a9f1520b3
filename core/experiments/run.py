"""`run(spec, on_event) -> Result`: the single path that the app, the command line and the tests take."""

import numpy as np
import torch

from core.catalog.choices import resolve
from core.catalog.descriptions import of_plugins
from core.experiments import phases, projection, trajectory
from core.experiments.result import Result
from core.experiments.watch import RunWatch
from core.heads import logistic as head
from core.spec.events import Observer, silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.versions import versions


def run(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto", with_map: bool = True) -> Result:
    """Run one experiment to its end.

    Nothing is written but caches; an observer that raises `core.system.errors.Cancelled` stops the run.

    Args:
        spec: what to run; `resolve`d here.
        on_event: told of progress and of curves.
        device: "auto", "cpu" or "cuda".
        with_map: whether to fit the map; without it the result's `plot` is None.

    Raises:
        PoisonLabError: bad spec, missing data or weights, no such device, too little memory, a head that does not
            converge.
    """
    with devices.explain_out_of_memory():
        return _run(resolve(spec), on_event, devices.choose(device), with_map)


def _run(spec: ExperimentSpec, on_event: Observer, device: torch.device, with_map: bool) -> Result:
    plugins = of_plugins(spec)  # a record that can't be asked fails now, not when the attack is over
    watch = RunWatch(on_event, trajectory.TrajectoryRecorder() if with_map else None)
    loaded = phases.load(spec, device, watch)
    extracted = phases.extract(loaded, watch)
    clean = phases.train_clean(spec, loaded, extracted, watch)
    attack = phases.attack(spec, loaded, extracted, clean, watch)
    evaluated = phases.evaluate(spec, extracted, clean, attack, watch)
    poison = phases.poison_arrays(attack.attacked, evaluated.poison_z)
    steps = phases.evaluate_trajectory(clean, attack, evaluated, poison, watch)
    plot = phases.draw(spec, loaded, extracted, clean, evaluated, poison, steps, watch) if with_map else None
    return Result(
        spec=spec,
        device=devices.describe(device),
        classes=list(loaded.classes),
        clean=clean.score,
        poisoned=evaluated.poisoned,
        target=evaluated.target,
        stage2=evaluated.stage2,
        inversion_gap=None if evaluated.gap is None else float(evaluated.gap.mean()),
        seconds=watch.seconds,
        curve=watch.curve,
        features=phases.fitted_arrays(loaded, extracted, poison),
        poison=poison,
        plot=plot,
        notes={
            "train_accuracy_clean": head.accuracy(clean.head, extracted.train_z, extracted.train_y),
            **attack.attacked.notes,
        },
        threshold=evaluated.threshold,
        digest=extracted.digest,
        versions=versions(),
        trajectory=[step.summary() for step in steps],
        plugins=plugins,
    )


def warm_up() -> None:
    """Do what every first run waits for: import the libraries and have the map's kernels compiled."""
    projection.fit(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)).place(np.zeros((2, 8), np.float32))
