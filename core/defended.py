"""Chains of defences on stored runs, each judged once and kept on disk. Free of torch until it judges."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import cache, paths
from core.defences.spec import as_text, in_order, parse_defence
from core.errors import StoreError
from core.result import Array
from core.store import Store

VERSION = 1
"""Raise it when the same chain on the same run would give another result."""


def parse_chain(texts: Sequence[str]) -> tuple[Any, ...]:
    """Defences from text, in the order in which they are chained.

    Raises:
        SpecError: see `core.defences.spec.parse_defence`.
    """
    return in_order(parse_defence(text) for text in texts)


def key(spec_hash: str, chain: Sequence[Any]) -> str:
    """32 hexadecimal digits that name a chain on a run."""
    told = json.dumps([VERSION, spec_hash, [as_text(one) for one in chain]])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def find(spec_hash: str, chain: Sequence[Any]) -> dict[str, Any] | None:
    """What was found before: `core.defences.evaluate.Defended.summary`; None where nobody has asked yet."""
    path = _path(key(spec_hash, chain))
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    cache.use(path)
    return found


def judge(root: str, spec_hash: str, texts: Sequence[str]) -> dict[str, Any]:
    """Judge a chain on a stored run, unless that was done before, and keep what comes out.

    A run that ships without its features is computed once more, to the same result, and stored with them.

    Args:
        root: the folder of the store.
        texts: see `parse_chain`.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    chain = parse_chain(texts)
    known = find(spec_hash, chain)
    if known is not None:
        return known
    from core import device as devices
    from core.defences.evaluate import defend

    features, n_classes, ridge = _features(Store(Path(root)), spec_hash)
    found = defend(features, chain, n_classes, ridge, device=devices.choose("auto")).summary()
    cache.write(_path(key(spec_hash, chain)), json.dumps(found).encode())
    return found


def _features(store: Store, spec_hash: str) -> tuple[dict[str, Array], int, float]:
    run = store.get(spec_hash)
    if run is None:
        raise StoreError(f"Run {spec_hash} isn't stored; run the experiment first.")
    if run.shipped and not (run.folder / "features.npz").exists():
        from core.run import run as compute

        run = store.put(compute(run.spec))
    return run.features(), len(run.result["classes"]), run.spec.ridge


def _path(name: str) -> Path:
    return paths.cache() / "defended" / f"{name}.json"
