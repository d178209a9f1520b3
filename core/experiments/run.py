"""`run(spec, on_event) -> Result`: the single path that the app, the command line and the tests take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from core.attacks.algorithms.base import Attacked, Scene
from core.attacks.algorithms.gradient_canceling import Canceling
from core.attacks.algorithms.inversion import gaps
from core.attacks.execution import execute
from core.catalog.choices import resolve
from core.catalog.descriptions import of_plugins
from core.catalog.lookup import data_info, extractor_info
from core.catalog.split import draw_for
from core.data.split import Split
from core.experiments import projection, trajectory
from core.experiments.plotting import Heads
from core.experiments.plotting import view as draw_view
from core.experiments.result import Poison, Result, to_uint8
from core.extractors import features, pool
from core.extractors.build import Extractor
from core.heads import logistic as head
from core.heads.evaluation import Evaluator
from core.heads.reachability import reachability
from core.heads.scores import Reachability
from core.spec.events import Event, Observer, silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.arrays import Array
from core.system.versions import versions


def run(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto", with_map: bool = True) -> Result:
    """Run one experiment to its end.

    Nothing is written but caches; an observer that raises `core.system.errors.Cancelled` stops the run.

    Args:
        spec: what to run; `resolve`d here.
        on_event: told of progress and of curves.
        device: "auto", "cpu" or "cuda".
        with_map: whether to fit the map; without it the result's `view` is empty.

    Raises:
        PoisonLabError: bad spec, missing data or weights, no such device, too little memory, a head that does not
            converge.
    """
    with devices.no_memory_told():
        return _run(resolve(spec), on_event, devices.choose(device), with_map)


def _run(spec: ExperimentSpec, on_event: Observer, place: torch.device, with_map: bool) -> Result:
    watch = _Watch(on_event, trail=trajectory.Trail() if with_map else None)
    with watch.stage("load"):
        split = draw_for(spec)
        extractor = pool.extractor(extractor_info(spec.extractor), spec.input_size or 0, place)
    classes = data_info(spec.data).classes
    with watch.stage("extract"):
        digest = features.digest(extractor, split.train_x)
        raw, was_cached = _features(extractor, split, digest, place, watch)
        train_raw = torch.from_numpy(raw[0]).to(place)
        pipeline = features.Pipeline(extractor, features.Scale.fit(train_raw)).to(place)
        train_z = pipeline.scale(train_raw).float()
        test_z = pipeline.scale(torch.from_numpy(raw[1]).to(place)).float()
        train_y, test_y = (torch.from_numpy(y).to(place) for y in (split.train_y, split.test_y))
    if was_cached:
        watch.seconds["extract_cached"] = watch.seconds.pop("extract")
    evaluate = Evaluator(train_z, train_y, test_z, test_y, len(classes), spec.ridge)
    with watch.stage("clean"):
        clean_head = evaluate.retrain()
        clean = evaluate.score(clean_head)
    images = torch.from_numpy(split.train_x).to(place).float() / 255.0
    scene = Scene(images, train_z, train_y, len(classes), spec.ridge, clean_head, pipeline, digest)
    attacked = execute(spec, scene, watch)
    watch.end_attack()
    with watch.stage("evaluate"):
        poison_z, gap = _exported_features(pipeline, attacked, place, is_free=spec.constraint == "none")
        poisoned_head = evaluate.retrain(poison_z, attacked.y, clean_head)
        poisoned = evaluate.score(poisoned_head, clean_head)
        stage2 = None
        if attacked.zeta is not None:
            zeta = attacked.zeta.float()
            same = attacked.x is None
            stage2 = poisoned if same else evaluate.score(evaluate.retrain(zeta, attacked.y, clean_head), clean_head)
        target = None if attacked.target is None else evaluate.score(attacked.target, clean_head)
        reach = _reachability(scene, attacked, poison_z, spec)
    poison = Poison(
        x=_numpy(attacked.x, np.float32),
        z=poison_z.cpu().numpy(),
        y=attacked.y.cpu().numpy(),
        base_index=attacked.base.cpu().numpy(),
        zeta=_numpy(attacked.zeta, np.float32),
    )
    arrays = {
        "train_z": train_z.cpu().numpy(),
        "train_y": split.train_y,
        "poison_z": poison.z,
        "poison_y": poison.y,
        "test_z": test_z.cpu().numpy(),
        "test_y": split.test_y,
    }
    view: dict[str, Array] = {}
    steps: list[trajectory.Step] = []
    if watch.trail is not None:
        watch.trail.settle(attacked.target)
        with watch.stage("walk"):
            ends = {"clean": trajectory.end("clean", clean, watch.trail)}
            if target is not None:
                ends["target"] = trajectory.end("target", target, watch.trail)
            if stage2 is not None:
                ends["stage2"] = trajectory.end("stage2", stage2, watch.trail, poison.zeta)
            if poison.x is not None:
                ends["poison"] = trajectory.end("poison", poisoned, watch.trail, poison.z, poison.x)
            total = len(watch.trail) + len(ends)
            for step in trajectory.judged(
                watch.trail,
                ends,
                lambda z, start: evaluate.retrain(z, attacked.y, clean_head if start is None else start),
                lambda theta: evaluate.score(theta).accuracy,
            ):
                steps.append(step)
                watch(Event("walk", len(steps), total))
        with watch.stage("map"):
            heads = Heads(clean_head, poisoned_head, train_z, train_y, test_z, test_y, spec.ridge)
            view = draw_view(split.train_x, heads, poison, gap, steps)
    return Result(
        spec=spec,
        device=devices.describe(place),
        classes=list(classes),
        clean=clean,
        poisoned=poisoned,
        target=target,
        stage2=stage2,
        inversion_gap=None if gap is None else float(gap.mean()),
        seconds=watch.seconds,
        curve=watch.curve,
        features=arrays,
        poison=poison,
        view=view,
        notes={"train_accuracy_clean": head.accuracy(clean_head, train_z, train_y), **attacked.notes},
        threshold=reach,
        digest=digest,
        versions=versions(),
        walk=[step.summary() for step in steps],
        plugins=of_plugins(spec),
    )


def warm_up() -> None:
    """Do what every first run waits for: import the libraries and have the map's kernels compiled."""
    projection.fit(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)).place(np.zeros((2, 8), np.float32))


@dataclass
class _Watch:
    """Passes events on, and keeps the seconds of each stage and the curve of the run.

    Args:
        trail: keeps moments of the attack, where the walk is wanted.

    Seconds under another name than a stage's, such as `extract_cached`, tell nothing of what the stage costs.
    """

    on_event: Observer
    seconds: dict[str, float] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    trail: trajectory.Trail | None = None
    _inside: str = ""
    _since: float = 0.0

    def __call__(self, event: Event) -> None:
        if event.stage != self._inside:
            self._switch(event.stage)
        if self.trail is not None:
            self.trail(event)
        if event.values:
            self.curve.append({"stage": event.stage, "done": event.done, **event.values})
        self.on_event(event)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage that begins and ends here."""
        self(Event(name))
        yield
        self._switch("")

    def end_attack(self) -> None:
        """Close the last stage of an attack, which announces its own stages by events."""
        self._switch("")

    def _switch(self, name: str) -> None:
        now = time.perf_counter()
        if self._inside:
            self.seconds[self._inside] = self.seconds.get(self._inside, 0.0) + now - self._since
        self._inside, self._since = name, now


def _features(
    extractor: Extractor, split: Split, digest: str, device: torch.device, watch: _Watch
) -> tuple[tuple[Array, Array], bool]:
    total = len(split.train_x) + len(split.test_x)
    train, first = features.cached(
        extractor, split.train_x, device, lambda done, _: watch(Event("extract", done, total)), digest
    )
    test, second = features.cached(
        extractor, split.test_x, device, lambda done, _: watch(Event("extract", len(split.train_x) + done, total))
    )
    return (train, test), first and second


def _exported_features(
    pipeline: features.Pipeline, attacked: Attacked, device: torch.device, *, is_free: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Features of the poison as the defender gets it, and each image's inversion gap where there is one."""
    if attacked.x is None:
        assert attacked.zeta is not None
        return attacked.zeta.float(), None
    # Extracted anew from the 8-bit images: what an attack believed of its own images counts for nothing. Only
    # where nothing is checked are pixels any numbers, which 8 bits can't hold.
    pixels = attacked.x.cpu().numpy()
    exported = pixels if is_free else to_uint8(pixels)
    z = torch.from_numpy(features.extract(pipeline, exported, device)).to(device)
    return z, None if attacked.zeta is None else gaps(z, attacked.zeta.float())


def _reachability(
    scene: Scene, attacked: Attacked, poison_z: torch.Tensor, spec: ExperimentSpec
) -> Reachability | None:
    """What the budget can reach of the attack's target, where it has one."""
    if attacked.target is None:
        return None
    residual, _ = Canceling.prepare(scene.problem, attacked.target, attacked.y).residual(poison_z.double())
    # An image may have any features: only attacks that end with features are bound to their clean range.
    bound = attacked.x is None and spec.constraint != "none"
    box = scene.box if bound else None
    return reachability(scene.problem, attacked.target, len(attacked.y) / len(scene.y), float(residual.norm()), box)


def _numpy(tensor: torch.Tensor | None, dtype: type[np.floating[Any]]) -> Array | None:
    return None if tensor is None else tensor.detach().cpu().numpy().astype(dtype)
