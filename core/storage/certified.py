"""Certificates of stored runs, each computed once and kept on disk. Free of torch until it computes."""

from typing import Any

from core.storage.features import run_with_features
from core.storage.kept_results import KeptResults
from core.storage.runs import StoredRun
from core.system.errors import SpecError

FEWEST, MOST = 2, 1000
"""Partitions that are allowed."""
_CERTIFICATES = KeptResults("certified", version=2)


def check(partitions: int) -> int:
    """The number itself.

    Raises:
        SpecError: it is out of bounds.
    """
    if not FEWEST <= partitions <= MOST:
        raise SpecError(f"{partitions} partitions are asked for; allowed: {FEWEST} to {MOST:,}.")
    return partitions


def find(spec_hash: str, partitions: int) -> dict[str, Any] | None:
    """What `certify` has kept; None where nobody has asked yet."""
    added = _CERTIFICATES.read(_added_key(spec_hash, partitions))
    flipped = _CERTIFICATES.read(_flipped_key(spec_hash))
    return None if added is None or flipped is None else {"added": added, "flipped": flipped}


def certify(root: str, spec_hash: str, partitions: int) -> dict[str, Any]:
    """Both certificates of a stored run, unless that was done before; what comes out is kept.

    Args:
        root: the folder of the store.
        spec_hash: of the run.
        partitions: heads that vote, see `core.certificates.partitions`.

    Returns:
        See `certified`.

    Raises:
        SpecError: too few partitions, or too many.
        StoreError: there is no such run, or it is damaged.
    """
    kept = find(spec_hash, check(partitions))
    if kept is not None:
        return kept
    # Flipped labels know nothing of partitions: another number of these trains none of their heads again.
    flipped = _CERTIFICATES.read(_flipped_key(spec_hash))
    both = certified(run_with_features(root, spec_hash), partitions, flipped=flipped)
    _CERTIFICATES.write(_added_key(spec_hash, partitions), both["added"])
    _CERTIFICATES.write(_flipped_key(spec_hash), both["flipped"])
    return both


def certified(run: StoredRun, partitions: int, flipped: dict[str, Any] | None = None) -> dict[str, Any]:
    """Both certificates of a run that has its features; accuracies are shares in [0, 1].

    Args:
        run: see `core.storage.features.run_with_features`.
        partitions: heads that vote.
        flipped: that against flipped labels, where it is known already.

    Returns:
        added: against points that are added: `partitions`; `certified`, a list by the number of added points; the
            same heads' accuracy `clean` and, with this run's poison among them, `attacked`.
        flipped: against labels that are flipped: `noise`; `certified`, a list by their number; `clean`; `plain`, a
            list of [labels flipped, accuracy of a single head then].
    """
    from core.certificates import evaluation
    from core.system import device as devices

    n_classes, place = len(run.result["classes"]), devices.choose("auto")
    with devices.no_memory_told():
        features = run.features()
        return {
            "added": evaluation.added(features, n_classes, run.spec.ridge, partitions, place),
            "flipped": flipped or evaluation.flipped(features, n_classes, run.spec.ridge, place),
        }


def _added_key(spec_hash: str, partitions: int) -> str:
    return _CERTIFICATES.key(spec_hash, partitions)


def _flipped_key(spec_hash: str) -> str:
    return _CERTIFICATES.key(spec_hash, None)
