"""Stored runs with the features that defences and certificates need."""

import logging
from collections.abc import Mapping
from pathlib import Path

from core.storage.runs import Store, StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError

log = logging.getLogger(__name__)


def are_at_hand(run: StoredRun) -> bool:
    """Whether the features of a run are there, or images to extract them from: its attack need not be repeated."""
    return run.has_features or bool(run.images())


def run_with_features(root: str, spec_hash: str) -> StoredRun:
    """A stored run with its features; those of a run that ships without them are extracted from its images.

    A run that has no images, is damaged, or whose heads do not come to what it states by these features, is computed
    again, and stored with its result.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    store = Store(Path(root))
    run = store.get(spec_hash)
    if run is None:
        raise StoreError(f"Run {spec_hash} isn't stored; run the experiment first.")
    if run.has_features:
        return run
    return (_completed(store, run) if are_at_hand(run) else None) or _again(store, run)


def _completed(store: Store, run: StoredRun) -> StoredRun | None:
    """The run, stored with the features of its images; None if it is damaged, or they are not those of its heads."""
    try:
        files, features = run.files(), run.features()
    except StoreError as error:
        log.warning("%s It is computed again.", error)
        return None
    if not _come_to_what_is_stated(run, features):
        log.warning("Heads on the images of run %s do not come to what it states; it is computed again.", run.hash)
        return None
    return store.put_completed(run, files, features)


def _come_to_what_is_stated(run: StoredRun, features: Mapping[str, Array]) -> bool:
    """Whether both heads have the accuracy that the run states, but for one test point, which may be a tie."""
    from core.defences.evaluation import Poisoned
    from core.system import device as devices

    n_classes, place = len(run.summary.classes), devices.choose("auto")
    with devices.explain_out_of_memory():
        found = Poisoned.of(features, n_classes, run.spec.ridge, place).unfiltered
    stated = run.summary.clean, run.summary.poisoned
    one = 1.5 / len(features["test_y"])
    return all(abs(a.accuracy - b.accuracy) < one for a, b in zip(found, stated, strict=True))


def _again(store: Store, run: StoredRun) -> StoredRun:
    from core.experiments.run import run as compute

    return store.put(compute(run.spec))
