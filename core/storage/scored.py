"""Scores of every point of stored runs, computed once and cached on disk. Imports torch only to compute."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from core.experiments.point_scores import PointScores
from core.spec.registry import PLUGINS
from core.storage.features import run_with_features
from core.storage.runs import StoredRun
from core.system import cache, paths

VERSION = 1
"""Increase it whenever the same point gets another score."""


def find(spec_hash: str) -> PointScores | None:
    """The cached scores of a run's points; None if `score` has not computed them yet."""
    content = cache.read_bytes(_path(spec_hash))
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return PointScores.from_arrays(dict(arrays))


def is_there(spec_hash: str) -> bool:
    """Whether a run's points were scored."""
    return _path(spec_hash).exists()


def score(root: str, spec_hash: str) -> None:
    """Score the points of a stored run, and cache the scores.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    if find(spec_hash) is None:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = score_run(run_with_features(root, spec_hash)).to_arrays()
        np.savez(buffer, **arrays)
        cache.write(_path(spec_hash), buffer.getvalue())


def score_run(run: StoredRun) -> PointScores:
    """Score the points of a run that has its features, without the cache.

    Raises:
        StoreError: they are missing or damaged.
    """
    from core.experiments.scoring import point_scores
    from core.system import device as devices

    with devices.explain_out_of_memory():
        return point_scores(run.features(), len(run.summary.classes), run.spec.ridge, devices.choose("auto"))


def _path(spec_hash: str) -> Path:
    # Another version of a plug-in may judge otherwise, and one more judges besides.
    question = f"{VERSION} {spec_hash} {sorted(PLUGINS.items())}"
    return paths.cache() / "points" / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.npz"
