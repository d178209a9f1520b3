"""Tiny runs with the signature of `core.experiments.run.run`, for the tests of the store and the engine.

A worker process imports them by path ("tests.fakes:quick"), so what a test wants to tell them travels in
the spec: they read `seed` and leave marks in the folder `POISON_LAB_HOME`.
"""

import os
import time
from functools import partial
from pathlib import Path

import numpy as np

from core.catalog.choices import resolve
from core.experiments.plot_data import PlotData
from core.experiments.result import Poison, Result, to_uint8
from core.experiments.summary import CurvePoint
from core.heads.scores import Score
from core.spec.events import Event, Observer, silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.preview import Preview
from core.system.arrays import Array
from core.system.errors import DataError
from core.system.paths import home


def tiny_spec(seed: int = 0, **values: object) -> ExperimentSpec:
    return resolve(parse_spec({"train_size": 20, "test_size": 20, "budget": 0.1, "seed": seed, **values}))


def tiny_result(spec: ExperimentSpec, seconds: float = 0.1, device: str = "cpu") -> Result:
    rng = np.random.default_rng(spec.seed)
    n, t, m, d = spec.train_size, spec.test_size, spec.n_poison, 4
    x = np.rint(rng.random((m, 1, 8, 8)) * 255).astype(np.float32) / 255
    y = rng.integers(0, 2, m)
    base = rng.integers(0, n, m)
    z = rng.normal(size=(m, d)).astype(np.float32)
    return Result(
        spec=spec,
        device=device,
        classes=["coat", "shoe"],
        clean=Score(0.9, [0.9, 0.9]),
        poisoned=Score(0.6, [0.5, 0.7]),
        target=None,
        stage2=None,
        inversion_gap=None,
        seconds={"clean": seconds, "map": seconds},
        curve=[CurvePoint("clean", 1, {"train_accuracy": 0.9})],
        features={
            "train_z": rng.normal(size=(n, d)).astype(np.float32),
            "train_y": rng.integers(0, 2, n),
            "poison_z": z,
            "poison_y": y,
            "test_z": rng.normal(size=(t, d)).astype(np.float32),
            "test_y": rng.integers(0, 2, t),
        },
        poison=Poison(x=x, z=z, y=y, base_index=base),
        plot=tiny_plot(n, x, y, base),
    )


def tiny_plot(n: int, x: Array, y: Array, base: Array) -> PlotData:
    """Of a run with n clean points, from the images, labels and base rows of its poison."""
    train_xy, train_y = np.zeros((n, 2), np.float32), np.zeros(n, np.int64)
    return PlotData(
        train_xy=train_xy,
        train_y=train_y,
        base_xy=train_xy[base],
        poison_xy=train_xy[base],
        noise_floor=0.25,
        shift=np.zeros(len(y), np.float32),
        base_x=to_uint8(x),
        poison_y=y,
        base_y=train_y[base],
        base_index=base,
        poison_x=to_uint8(x),
    )


def mark(name: str) -> None:
    """Append a line to a file that the test reads: one for each time that this code was reached."""
    with (home() / name).open("a") as file:
        file.write(f"{os.getpid()}\n")


def marks(folder: Path, name: str) -> list[int]:
    """The processes that left a mark of this name."""
    return [int(line) for line in (folder / name).read_text().split()] if (folder / name).exists() else []


def quick(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    mark(f"ran-{spec.seed}")
    for step in range(1, 6):
        on_event(Event("stage2", step, 5, {"objective": 1.0 / step}))
    return tiny_result(spec)


def slow(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """About two seconds in steps of 20 ms: time to cancel or to kill it."""
    mark(f"ran-{spec.seed}")
    for step in range(1, 101):
        time.sleep(0.02)
        on_event(Event("stage2", step, 100, {"objective": 1.0 / step}))
    mark(f"ended-{spec.seed}")
    return tiny_result(spec)


def shown(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """Shows its poison, all pixels of which are the number of the step, until there is a file `go`."""
    mark(f"ran-{spec.seed}")
    for step in range(1, 1001):
        time.sleep(0.02)
        on_event(Event("pixels", step, 1000, preview=partial(drawn_preview, step)))
        if (home() / "go").exists():
            break
    return tiny_result(spec)


def drawn_preview(step: int, samples: int = 4) -> Preview:
    """Poison whose pixels are the number of the step, one unit further right on the map at each step."""
    rows = np.arange(samples)
    clean = {"train_xy": np.zeros((20, 2), np.float32), "train_y": np.arange(20) % 2} if step == 1 else {}
    return Preview(
        stage="pixels",
        done=step,
        total=1000,
        n_poison=samples,
        y=rows % 2,
        base_y=rows % 2,
        base_index=rows,
        shift=np.full(samples, 0.1 * step, np.float32),
        base_x=np.zeros((samples, 1, 8, 8), np.uint8),
        poison_x=np.full((samples, 1, 8, 8), step % 256, np.uint8),
        xy=np.stack([np.full(samples, step), rows], axis=1).astype(np.float32),
        **clean,
    )


def held(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """Works until there is a file `go`."""
    mark(f"ran-{spec.seed}")
    while not (home() / "go").exists():
        time.sleep(0.02)
        on_event(Event("stage2", 1, 2, {"objective": 1.0}))
    return tiny_result(spec)


def wait_for(name: str) -> None:
    """A task that ends once there is a file of this name."""
    while not (home() / name).exists():
        time.sleep(0.02)


def deaf(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """Says nothing for a minute, so that only force can stop it."""
    mark(f"ran-{spec.seed}")
    on_event(Event("load"))
    time.sleep(60)
    return tiny_result(spec)


class Large:
    """As a tensor on a GPU: it must not stay when its run is over."""


def broken(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """Even seeds fail with an error that is meant for a person, odd ones with one that is not."""
    large = Large()
    assert large
    if spec.seed % 2 == 0:
        raise DataError("Folder 'x' holds no images; put some there.")
    raise ZeroDivisionError("secret detail")


def deadly(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto") -> Result:
    """Odd seeds take their worker down each time, even ones are quick."""
    if spec.seed % 2 == 0:
        return quick(spec, on_event, device=device)
    mark(f"ran-{spec.seed}")
    time.sleep(0.3)
    os._exit(1)


def warm_up() -> None:
    mark("warm")


def refuse() -> None:
    raise DataError("Folder 'x' holds no images; put some there.")


def work(name: str, observe: Observer = silent, *, device: str = "auto") -> None:
    """A piece of work that is no run."""
    observe(Event("clean", 1, 1))
    mark(name)


def held_work(name: str, observe: Observer = silent, *, device: str = "auto") -> None:
    """A piece of work that goes on until there is the mark `NAME-on`."""
    wait_for(f"{name}-on")
    work(name, observe)


def refused_work(name: str, observe: Observer = silent, *, device: str = "auto") -> None:
    raise DataError("These files are damaged.")
