"""What images can do at all with the budget of a stored run, measured once and cached on disk.

Imports torch only to compute.
"""

from pathlib import Path

from core.experiments.image_reach import ImageReach, check, image_reach
from core.storage.result_cache import ResultCache
from core.storage.runs import Store
from core.storage.stored_run import StoredRun
from core.system.errors import StoreError

_REACHED = ResultCache("reached", version=1)


def find(spec_hash: str) -> ImageReach | None:
    """The cached measurement of a run; None if `measure` has not been called yet."""
    stored = _REACHED.read(_REACHED.key(spec_hash))
    return None if stored is None else ImageReach.from_json(stored)


def measure(root: str, spec_hash: str) -> ImageReach:
    """What images can do with the budget of a stored run, from the cache or else measured and cached.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.

    Raises:
        SpecError: see `core.experiments.image_reach.check`.
        StoreError: there is no such run, or it is damaged.
    """
    stored = find(spec_hash)
    if stored is not None:
        return stored
    run = Store(Path(root)).get(spec_hash)
    if run is None:
        raise StoreError(f"Run {spec_hash} isn't stored; run the experiment first.")
    reach = measure_run(run)
    _REACHED.write(_REACHED.key(spec_hash), reach.to_json())
    return reach


def measure_run(run: StoredRun) -> ImageReach:
    """Measure a run without the cache; errors as for `measure`."""
    check(run.spec, makes_images=run.summary.description.makes_images)
    return image_reach(run.spec, run.poison())
