"""Certificates of stored runs, computed once and cached on disk. Imports torch only to compute."""

from core.certificates.certificate import AddedPoints, Certificates, FlippedLabels
from core.storage.features import run_with_features
from core.storage.result_cache import ResultCache
from core.storage.runs import StoredRun
from core.system.errors import SpecError

MIN_PARTITIONS, MAX_PARTITIONS = 2, 1000
"""Bounds on the number of partitions."""
_CERTIFICATES = ResultCache("certified", version=2)


def check(partitions: int) -> int:
    """Validate and return the number of partitions.

    Raises:
        SpecError: it is out of bounds.
    """
    if not MIN_PARTITIONS <= partitions <= MAX_PARTITIONS:
        raise SpecError(f"{partitions} partitions are asked for; allowed: {MIN_PARTITIONS} to {MAX_PARTITIONS:,}.")
    return partitions


def find(spec_hash: str, partitions: int) -> Certificates | None:
    """The cached certificates of a run; None if `certify` has not computed them yet."""
    added = _CERTIFICATES.read(_added_key(spec_hash, partitions))
    flipped = _flipped(spec_hash)
    return None if added is None or flipped is None else Certificates(AddedPoints.from_json(added), flipped)


def certify(root: str, spec_hash: str, partitions: int) -> Certificates:
    """Both certificates of a stored run, from the cache or else computed and cached.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.
        partitions: number of heads that vote, see `core.certificates.partitions`.

    Raises:
        SpecError: too few partitions, or too many.
        StoreError: there is no such run, or it is damaged.
    """
    stored = find(spec_hash, check(partitions))
    if stored is not None:
        return stored
    # The certificate against flipped labels does not depend on the number of partitions.
    flipped = _flipped(spec_hash)
    both = certify_run(run_with_features(root, spec_hash), partitions, flipped=flipped)
    _CERTIFICATES.write(_added_key(spec_hash, partitions), both.added.to_json())
    _CERTIFICATES.write(_flipped_key(spec_hash), both.flipped.to_json())
    return both


def certify_run(run: StoredRun, partitions: int, flipped: FlippedLabels | None = None) -> Certificates:
    """Compute both certificates of a run that has its features, without the cache.

    Args:
        run: see `core.storage.features.run_with_features`.
        partitions: number of heads that vote.
        flipped: the certificate against flipped labels, if it is already known.
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
