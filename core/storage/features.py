"""Stored runs with the features that defences and certificates need."""

from pathlib import Path

from core.storage.runs import Store, StoredRun
from core.system.errors import StoreError


def are_at_hand(run: StoredRun) -> bool:
    """Whether the features of a run are there, or images to extract them from: its attack need not be repeated."""
    return run.has_features or bool(run.images())


def run_with_features(root: str, spec_hash: str) -> StoredRun:
    """A stored run with its features; those of a run that ships without them are extracted from its images.

    A run that has no images is computed again, and stored with the same result.

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
    if are_at_hand(run):
        return store.put_completed(run, run.features())
    from core.experiments.run import run as compute

    return store.put(compute(run.spec))
