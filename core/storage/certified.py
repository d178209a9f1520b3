"""Certificates of stored runs, each computed once and kept on disk. Free of torch until it computes."""

from core.certificates.certificate import AddedPoints, Certificates, FlippedLabels
from core.storage.features import run_with_features
from core.storage.result_cache import ResultCache
from core.storage.runs import StoredRun
from core.system.errors import SpecError

MIN_PARTITIONS, MAX_PARTITIONS = 2, 1000
"""Partitions that are allowed."""
_CERTIFICATES = ResultCache("certified", version=2)


def check(partitions: int) -> int:
    """The number itself.

    Raises:
        SpecError: it is out of bounds.
    """
    if not MIN_PARTITIONS <= partitions <= MAX_PARTITIONS:
        raise SpecError(f"{partitions} partitions are asked for; allowed: {MIN_PARTITIONS} to {MAX_PARTITIONS:,}.")
    return partitions


def find(spec_hash: str, partitions: int) -> Certificates | None:
    """What `certify` has kept; None where nobody has asked yet."""
    added = _CERTIFICATES.read(_added_key(spec_hash, partitions))
    flipped = _flipped(spec_hash)
    return None if added is None or flipped is None else Certificates(AddedPoints.from_json(added), flipped)


def certify(root: str, spec_hash: str, partitions: int) -> Certificates:
    """Both certificates of a stored run, unless that was done before; what comes out is kept.

    Args:
        root: the folder of the store.
        spec_hash: of the run.
        partitions: heads that vote, see `core.certificates.partitions`.

    Raises:
        SpecError: too few partitions, or too many.
        StoreError: there is no such run, or it is damaged.
    """
    stored = find(spec_hash, check(partitions))
    if stored is not None:
        return stored
    # Flipped labels know nothing of partitions: another number of these trains none of their heads again.
    flipped = _flipped(spec_hash)
    both = certify_run(run_with_features(root, spec_hash), partitions, flipped=flipped)
    _CERTIFICATES.write(_added_key(spec_hash, partitions), both.added.to_json())
    _CERTIFICATES.write(_flipped_key(spec_hash), both.flipped.to_json())
    return both


def certify_run(run: StoredRun, partitions: int, flipped: FlippedLabels | None = None) -> Certificates:
    """Both certificates of a run that has its features.

    Args:
        run: see `core.storage.features.run_with_features`.
        partitions: heads that vote.
        flipped: that against flipped labels, where it is known already.
    """
    from core.certificates import evaluation
    from core.system import device as devices

    n_classes, place = len(run.summary.classes), devices.choose("auto")
    with devices.explain_out_of_memory():
        features = run.features()
        return Certificates(
            added=evaluation.added(features, n_classes, run.spec.ridge, partitions, place),
            flipped=flipped or evaluation.flipped(features, n_classes, run.spec.ridge, place),
        )


def _flipped(spec_hash: str) -> FlippedLabels | None:
    stored = _CERTIFICATES.read(_flipped_key(spec_hash))
    return None if stored is None else FlippedLabels.from_json(stored)


def _added_key(spec_hash: str, partitions: int) -> str:
    return _CERTIFICATES.key(spec_hash, partitions)


def _flipped_key(spec_hash: str) -> str:
    return _CERTIFICATES.key(spec_hash, None)
