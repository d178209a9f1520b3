"""Stored runs with the features that defences and certificates need."""

from pathlib import Path

from core.storage.runs import Store, StoredRun
from core.system.errors import StoreError


def has_features(run: StoredRun) -> bool:
    """Whether a run is stored with its features; shipped runs are not, to save space."""
    return (run.folder / "features.npz").exists()


def are_near(run: StoredRun) -> bool:
    """Whether the features of a run are there, or images to extract them from: its attack need not be repeated."""
    return has_features(run) or bool(run.images())


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
    if has_features(run):
        return run
    if are_near(run):
        from core.experiments.restored import features_of

        return store.put_completed(run, features_of(run.spec, run.poison()))
    from core.experiments.run import run as compute

    return store.put(compute(run.spec))
