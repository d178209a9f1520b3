"""Chains of defences on stored runs, each judged once and kept on disk. Free of torch until it judges."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.defences.chain import Chain, as_text, parse_chain
from core.spec.registry import PLUGINS
from core.storage.runs import Store, StoredRun
from core.system import cache, paths
from core.system.errors import StoreError

VERSION = 1
"""Raise it when the same chain on the same run would give another result."""


def key(spec_hash: str, chain: Chain) -> str:
    """32 hexadecimal digits that name a chain on a run."""
    told = json.dumps([VERSION, spec_hash, [as_text(one) + PLUGINS.get(one.name, "") for one in chain]])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def find(spec_hash: str, chain: Chain) -> dict[str, Any] | None:
    """What was found before: `core.defences.evaluation.Defended.summary`; None where nobody has asked yet."""
    content = cache.read_bytes(_path(key(spec_hash, chain)))
    if content is None:
        return None
    found: dict[str, Any] = json.loads(content)
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
    found = judged(featured(root, spec_hash), chain)
    cache.write(_path(key(spec_hash, chain)), json.dumps(found).encode())
    return found


def featured(root: str, spec_hash: str) -> StoredRun:
    """A stored run with its features; one that ships without them is computed once more, and stored with them.

    Args:
        root: the folder of the store.

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


def has_features(run: StoredRun) -> bool:
    """Whether a run can be judged as it is stored; what ships is without, to be small."""
    return (run.folder / "features.npz").exists()


def judged(run: StoredRun, chain: Chain) -> dict[str, Any]:
    """Judge a chain on a run that has its features; nothing is kept.

    Raises:
        StoreError: they are missing or damaged.
    """
    from core.defences.evaluation import defend
    from core.system import device as devices

    n_classes, place = len(run.result["classes"]), devices.choose("auto")
    with devices.no_memory_told():
        return defend(run.features(), chain, n_classes, run.spec.ridge, device=place).summary()


def lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What chains on one run have come to, as a table in text; of a chain each link, and all of it."""
    first = found[0]
    table = [f"{'defence':12}{'removed':>9}{'found':>15}{'clean lost':>12}{'ROC AUC':>9}{'accuracy':>10}{'random':>8}"]
    for one in found:
        rows = one["steps"] if len(one["steps"]) == 1 else [*one["steps"], one["whole"]]
        for row in rows:
            is_all = row is rows[-1]
            auc = "" if row["auc"] is None else f"{row['auc']:.3f}"
            share = f"{row['found']} of {row['n_poison']}"
            table.append(
                f"{row['name'] or 'all':12}{len(row['removed']):>9,}{share:>15}{row['clean_lost']:>12,}{auc:>9}"
                + (f"{100 * one['defended']['accuracy']:>9.1f}%{100 * one['random']:>7.1f}%" if is_all else "")
            )
    clean, poisoned = (100 * first[name]["accuracy"] for name in ("clean", "poisoned"))
    return [*table, f"clean {clean:.1f}%, as a perfect filter would leave it; poisoned {poisoned:.1f}%"]


def _path(name: str) -> Path:
    return paths.cache() / "defended" / f"{name}.json"
