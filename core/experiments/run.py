"""`run(spec, on_event) -> Result`: the entry point for the app, the command line and the tests."""

import numpy as np
import torch
from numpy.typing import NDArray

from core.catalog.choices import resolve
from core.catalog.descriptions import of_plugins
from core.catalog.remarks import remarks_of
from core.experiments import extraction, phases, projection, trajectory
from core.experiments.result import Result
from core.experiments.watch import RunWatch
from core.heads import logistic as head
from core.spec.events import Observer, silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.versions import versions


def run(
    spec: ExperimentSpec,
    on_event: Observer = silent,
    *,
    device: str = "auto",
    with_map: bool = True,
    test_rows: NDArray[np.intp] | None = None,
) -> Result:
    """Run one experiment.

    Writes nothing but caches. An observer that raises `core.system.errors.Cancelled` stops the run.

    Args:
        spec: the experiment; `resolve`d here.
        on_event: receives progress and values of curves.
        device: "auto", "cpu" or "cuda".
        with_map: whether to fit the map; without it the result's `plot` is None.
        test_rows: rows of the data's test part to score the heads on, in place of the sample that the spec's seed
            draws. Such a result is none of its spec's hash: it must not be stored.

    Raises:
        PoisonLabError: invalid spec, missing data or weights, unknown device, out of memory, or a head that does not
            converge.
    """
    with devices.explain_out_of_memory():
        return _run(resolve(spec), on_event, devices.choose(device), with_map, test_rows)


def _run(
    spec: ExperimentSpec,
    on_event: Observer,
    device: torch.device,
    with_map: bool,
    test_rows: NDArray[np.intp] | None,
) -> Result:
    plugins = of_plugins(spec)  # an incomplete plug-in record fails now, not after the attack
    watch = RunWatch(on_event, trajectory.TrajectoryRecorder() if with_map else None)
    loaded = extraction.load(spec, device, watch, test_rows)
    extracted = extraction.extract(loaded, watch)
    clean = phases.train_clean(spec, loaded, extracted, watch)
    attack = phases.attack(spec, loaded, extracted, clean, watch)
    evaluated = phases.evaluate(spec, extracted, clean, attack, watch)
    poison = phases.poison_arrays(attack.attacked, evaluated.poison_z, attack.own_base)
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
        remarks=remarks_of(spec),
    )


def warm_up() -> None:
    """Do the one-time work of a first run: import the libraries and fit a tiny map."""
    projection.fit(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)).place(np.zeros((2, 8), np.float32))
