"""Stored runs with the features that defences and certificates need."""

from pathlib import Path

from core.storage.runs import Store, StoredRun
from core.system.errors import StoreError


def has_features(run: StoredRun) -> bool:
    """Whether a run is stored with its features; shipped runs are not, to save space."""
    return (run.folder / "features.npz").exists()


def run_with_features(root: str, spec_hash: str) -> StoredRun:
    """A stored run with its features; a run that ships without them is recomputed and stored with them.

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
    if not has_features(run):
        from core.experiments.run import run as compute

        run = store.put(compute(run.spec))
    return run
