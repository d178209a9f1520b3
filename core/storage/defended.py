"""Chains of defences on stored runs, each judged once and kept on disk. Free of torch until it judges."""

from collections.abc import Sequence

from core.defences.chain import Chain, as_text, parse_chain
from core.defences.verdict import DefenceVerdict
from core.spec.registry import PLUGINS
from core.storage.features import run_with_features
from core.storage.result_cache import ResultCache
from core.storage.runs import StoredRun

_VERDICTS = ResultCache("defended", version=1)


def key(spec_hash: str, chain: Chain) -> str:
    """32 hexadecimal digits that name a chain on a run."""
    # Another version of a plug-in is another defence.
    return _VERDICTS.key(spec_hash, [as_text(defence) + PLUGINS.get(defence.name, "") for defence in chain])


def find(spec_hash: str, chain: Chain) -> DefenceVerdict | None:
    """The verdict that is kept; None where nobody has asked yet."""
    stored = _VERDICTS.read(key(spec_hash, chain))
    return None if stored is None else DefenceVerdict.from_json(stored)


def judge(root: str, spec_hash: str, texts: Sequence[str]) -> DefenceVerdict:
    """Judge a chain on a stored run, unless that was done before, and keep the verdict.

    A run that ships without its features is computed once more, to the same result, and stored with them.

    Args:
        root: the folder of the store.
        spec_hash: of the run.
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
    """Judge a chain on a run that has its features; nothing is kept.

    Raises:
        StoreError: they are missing or damaged.
    """
    from core.defences.evaluation import defend
    from core.system import device as devices

    n_classes, place = len(run.summary.classes), devices.choose("auto")
    with devices.explain_out_of_memory():
        return defend(run.features(), chain, n_classes, run.spec.ridge, device=place)
