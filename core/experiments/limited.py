"""An attacker that knows less than everything: other points of the data, another λ, a stand-in for the extractor.

It works on a scene of its own. What it makes is judged like any other poison: images by the defender's extractor,
features as they are, both on the defender's training set. What only makes sense to the attacker's extractor, such as
target parameters, is not handed on.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from core.attacks import execution
from core.attacks.algorithms.base import Attacked, Scene
from core.attacks.algorithms.images import NoImages, training_images
from core.attacks.algorithms.plan import make_plan
from core.catalog.lookup import data_info, extractor_info
from core.data.others import Sample, draw_others
from core.experiments.extraction import Extracted, Loaded
from core.experiments.previews import Previewer
from core.experiments.watch import RunWatch
from core.extractors import features, pool
from core.heads import logistic as head
from core.heads.neighbours import nearest
from core.spec.events import Event, Observer
from core.spec.experiment import ExperimentSpec
from core.spec.sides import SIDE
from core.system.arrays import Array

BOOKED = "attacker"
"""Name under which the seconds of the attacker's own preparations are booked."""


def knows_everything(spec: ExperimentSpec) -> bool:
    """Whether the attacker of an experiment knows its training set, λ and extractor."""
    return spec.attacker_data == "training" and spec.attacker_ridge is None and spec.attacker_extractor is None


def execute(
    spec: ExperimentSpec, loaded: Loaded, extracted: Extracted, scene: Scene, watch: RunWatch
) -> tuple[Attacked, tuple[Array, Array] | None]:
    """Run the attack of a spec on what its attacker knows.

    Args:
        spec: a resolved spec.
        loaded: images and extractor of the defender.
        extracted: the defender's features.
        scene: what there is to know.
        watch: receives progress events.

    Returns:
        The poison in the terms of the defender, and `core.experiments.result.Poison.own_base`.

    Raises:
        DataError: see `core.data.others.draw_others`.
        PoisonLabError: see `core.attacks.execution.execute`.
    """
    sample = _sample(spec, loaded)
    known = _known(spec, loaded, extracted, sample, watch)
    watch.previewer = Previewer(known, extracted.train_z, extracted.train_y, is_own=spec.attacker_data == "other")
    # Features and heads of another extractor can't be judged on the defender's data.
    observe: Observer = watch if spec.attacker_extractor is None else partial(_without_snapshot, watch)
    attacked = execution.execute(spec, known, observe)
    own_base = None
    if spec.attacker_data == "other":
        rows = attacked.base.cpu().numpy()
        # The attacker's own features may be those of a stand-in.
        is_vector = sample.vectors is not None
        base_z = (
            known.z[attacked.base]
            if is_vector
            else features.extract_on(extracted.pipeline, np.asarray(sample.x[rows]), loaded.device)
        )
        own_base = (np.asarray(sample.x[rows]), base_z.cpu().numpy())
        attacked = replace(attacked, base=_nearest_of_class(scene, base_z, known.y[attacked.base]))
    return _handed_on(spec, scene, attacked), own_base


def _sample(spec: ExperimentSpec, loaded: Loaded) -> Sample:
    """The points that the attacker has."""
    if spec.attacker_data == "training":
        split = loaded.split
        return Sample(split.train_x, split.train_y, split.train_vectors)
    return draw_others(
        data_info(spec.data),
        train_size=spec.train_size,
        seed=spec.seed,
        train_domain=spec.train_domain,
        side=spec.side or SIDE,
    )


def _known(spec: ExperimentSpec, loaded: Loaded, extracted: Extracted, sample: Sample, watch: RunWatch) -> Scene:
    """What the attacker knows, with a clean head of its own.

    Args:
        spec: a resolved spec.
        loaded: images and extractor of the defender.
        extracted: the defender's features.
        sample: the attacker's points.
        watch: receives progress events.
    """
    device, extractor, pipeline = loaded.device, loaded.extractor, extracted.pipeline
    z, digest = extracted.train_z, extracted.digest
    with watch.stage("extract", BOOKED):
        if spec.attacker_extractor is not None:
            info = extractor_info(spec.attacker_extractor)
            extractor = pool.extractor(info, info.input_sizes[0], device)
        if extractor is None:
            assert sample.vectors is not None
            z = pipeline.scale(torch.from_numpy(np.array(sample.vectors)).to(device)).float()
        elif spec.attacker_extractor is not None or spec.attacker_data == "other":
            digest = features.digest(extractor, sample.x)
            report = partial(_extracting, watch)
            raw, _ = features.cached_on(extractor, sample.x, device, report, digest)
            if spec.attacker_extractor is not None:
                features.check_spread(raw, sample.x, extractor.info.title)
                pipeline = features.Pipeline(extractor, features.Scale.fit(raw)).to(device)
            z = pipeline.scale(raw).float()
    y, ridge = torch.from_numpy(sample.y).to(device), spec.attacker_ridge or spec.ridge
    with watch.stage("clean", BOOKED):
        clean = head.fit(z, y, len(loaded.classes), ridge)
    return Scene(
        images=NoImages(len(y), device) if extractor is None else training_images(sample.x, device),
        z=z,
        y=y,
        n_classes=len(loaded.classes),
        ridge=ridge,
        clean_head=clean,
        pipeline=pipeline,
        digest=digest,
    )


def _without_snapshot(watch: RunWatch, event: Event) -> None:
    watch(replace(event, snapshot=None))


def _extracting(watch: RunWatch, done: int, total: int) -> None:
    watch(Event("extract", done, total))


def _nearest_of_class(scene: Scene, base_z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(m,) rows of the training points nearest to base points with features (m, d), among those of their classes (m,).

    Results name the row of each base point in the training set; for points that are not in it, this is the closest.
    """
    rows = torch.empty_like(y)
    for label in sorted(set(y.tolist())):
        of_class = torch.nonzero(scene.y == label).flatten()
        rows[y == label] = of_class[nearest(base_z[y == label], scene.z[of_class], 1)[0][:, 0]]
    return rows


def _handed_on(spec: ExperimentSpec, scene: Scene, attacked: Attacked) -> Attacked:
    """The poison without what means nothing to the defender, and with the defender's constraints on its features."""
    if spec.attacker_extractor is not None:
        attacked = replace(attacked, target=None, zeta=None)
    zeta = attacked.zeta
    if zeta is not None and attacked.x is None and spec.constraint != "none":
        low, high = scene.box
        attacked = replace(attacked, zeta=torch.clamp(zeta, low.to(zeta), high.to(zeta)))
    if spec.evade is not None:  # the attacker has fitted the filter to what it knows; here it is the defender's
        filter_ = make_plan(scene, spec).feasible.filter
        z = attacked.zeta if attacked.x is None else scene.features(attacked.x)
        assert filter_ is not None
        assert z is not None
        evaded = float(filter_.passes(z.float(), attacked.y).double().mean())
        attacked = replace(attacked, notes={**attacked.notes, "evaded": evaded})
    return attacked
