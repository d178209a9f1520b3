"""Verdicts on chains of defences for stored runs, computed once and cached on disk. Imports torch only to compute."""

from collections.abc import Sequence

from core.defences.chain import Chain, as_text, parse_chain
from core.defences.verdict import DefenceVerdict
from core.spec.registry import PLUGINS
from core.storage.features import run_with_features
from core.storage.result_cache import ResultCache
from core.storage.runs import StoredRun

_VERDICTS = ResultCache("defended", version=1)


def key(spec_hash: str, chain: Chain) -> str:
    """The cache key of a chain on a run: 32 hexadecimal digits."""
    # Another version of a plug-in counts as another defence.
    return _VERDICTS.key(spec_hash, [as_text(defence) + PLUGINS.get(defence.name, "") for defence in chain])


def find(spec_hash: str, chain: Chain) -> DefenceVerdict | None:
    """The cached verdict; None if `judge` has not computed it yet."""
    stored = _VERDICTS.read(key(spec_hash, chain))
    return None if stored is None else DefenceVerdict.from_json(stored)


def judge(root: str, spec_hash: str, texts: Sequence[str]) -> DefenceVerdict:
    """The verdict on a chain for a stored run, from the cache or else computed and cached.

    A run that ships without its features is stored with them, see `run_with_features`.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.
        texts: see `parse_chain`.

    Raises:
        SpecError: see `parse_chain`.
        StoreError: there is no such run, or it is damaged.
    """
    chain = parse_chain(texts)
    stored = find(spec_hash, chain)
    if stored is not None:
        return stored
    verdict = judge_run(run_with_features(root, spec_hash), chain)
    _VERDICTS.write(key(spec_hash, chain), verdict.to_json())
    return verdict


def judge_run(run: StoredRun, chain: Chain) -> DefenceVerdict:
    """Evaluate a chain on a run that has its features, without the cache.

    Raises:
        StoreError: they are missing or damaged.
    """
    from core.defences.evaluation import defend
    from core.system import device as devices

    n_classes, place = len(run.summary.classes), devices.choose("auto")
    with devices.explain_out_of_memory():
        return defend(run.features(), chain, n_classes, run.spec.ridge, device=place)
