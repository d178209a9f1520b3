"""Certificates of stored runs, each computed once and kept on disk. Free of torch until it computes."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.storage.defended import featured
from core.storage.runs import StoredRun
from core.system import cache, paths
from core.system.errors import SpecError

VERSION = 2
"""Raise it when the same certificate of the same run would be another one."""
FEWEST, MOST = 2, 1000


def check(partitions: int) -> int:
    """The number itself.

    Raises:
        SpecError: it is out of bounds.
    """
    if not FEWEST <= partitions <= MOST:
        raise SpecError(f"{partitions} partitions are asked for; allowed: {FEWEST} to {MOST:,}.")
    return partitions


def find(spec_hash: str, partitions: int) -> dict[str, Any] | None:
    """What `certify` has found before; None where nobody has asked yet."""
    added, flipped = _read(_path(spec_hash, partitions)), _read(_path(spec_hash))
    return None if added is None or flipped is None else {"added": added, "flipped": flipped}


def certify(root: str, spec_hash: str, partitions: int) -> dict[str, Any]:
    """Both certificates of a stored run, unless that was done before; what comes out is kept.

    Args:
        root: the folder of the store.
        partitions: heads that vote, see `core.certificates.partitions`.

    Returns:
        See `certified`.

    Raises:
        SpecError: too few partitions, or too many.
        StoreError: there is no such run, or it is damaged.
    """
    known = find(spec_hash, check(partitions))
    if known is not None:
        return known
    # Flipped labels know nothing of partitions: another number of these trains none of their heads again.
    found = certified(featured(root, spec_hash), partitions, flipped=_read(_path(spec_hash)))
    cache.write(_path(spec_hash, partitions), json.dumps(found["added"]).encode())
    cache.write(_path(spec_hash), json.dumps(found["flipped"]).encode())
    return found


def certified(run: StoredRun, partitions: int, flipped: dict[str, Any] | None = None) -> dict[str, Any]:
    """Both certificates of a run that has its features; accuracies are shares in [0, 1].

    Args:
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


def lines(found: dict[str, Any], n_poison: int) -> list[str]:
    """What is certain, as text."""
    one, other = found["added"], found["flipped"]
    told = [
        f"{one['partitions']} heads on parts of the data, {100 * one['clean']:.1f}% right without poison and "
        f"{100 * one['attacked']:.1f}% with these {n_poison} points",
        *_steps("points added", one["certified"]),
        f"{other['noise']['heads']} heads on labels drawn anew, {100 * other['clean']:.1f}% right",
        *_steps("labels flipped", other["certified"]),
    ]
    return told + [f"{n:>6} labels flipped: a single head is {100 * share:.1f}% right" for n, share in other["plain"]]


def _steps(words: str, shares: Sequence[float]) -> list[str]:
    asked = [n for n in (0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200) if n < len(shares)]
    return [f"{n:>6} {words}: {100 * shares[n]:.1f}% certain" for n in asked]


def _read(path: Path) -> dict[str, Any] | None:
    content = cache.read_bytes(path)
    found: dict[str, Any] | None = None if content is None else json.loads(content)
    return found


def _path(spec_hash: str, partitions: int | None = None) -> Path:
    """Of the certificate against added points; without partitions, of the one against flipped labels."""
    told = json.dumps([VERSION, spec_hash, partitions])
    return paths.cache() / "certified" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"
