"""The test images that a run's poison makes the head misread, computed once and cached. Imports torch to compute."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.storage.features import run_with_features
from core.storage.result_cache import ResultCache

_MISREAD = ResultCache("misread", version=1)
MOST = 60
"""Test images that are kept; more are only counted."""


@dataclass(frozen=True)
class Misread:
    """Test images that the clean head reads correctly and the poisoned head does not.

    Attributes:
        count: how many there are.
        rows: positions in the test set of the first `MOST` of them.
        true: their classes.
        read_as: what the poisoned head takes them for.
    """

    count: int
    rows: tuple[int, ...]
    true: tuple[int, ...]
    read_as: tuple[int, ...]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Misread":
        """Read the output of `to_json`."""
        return cls(int(stored["count"]), *(tuple(map(int, stored[name])) for name in ("rows", "true", "read_as")))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def find(spec_hash: str) -> Misread | None:
    """The cached answer; None if `look` has not computed it yet."""
    stored = _MISREAD.read(_MISREAD.key(spec_hash))
    return None if stored is None else Misread.from_json(stored)


def look(root: str, spec_hash: str) -> Misread:
    """The misread test images of a stored run, from the cache or else computed and cached.

    A run that ships without its features is stored with them, see `run_with_features`.

    Args:
        root: the folder of the store.
        spec_hash: hash of the run.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    stored = find(spec_hash)
    if stored is not None:
        return stored
    run = run_with_features(root, spec_hash)
    # Imported here so that looking an answer up does not import torch.
    from core.defences.evaluation import Poisoned
    from core.heads.logistic import logits
    from core.system import device as devices

    with devices.explain_out_of_memory():
        training = Poisoned.of(run.features(), len(run.summary.classes), run.spec.ridge, device=devices.choose("auto"))
        test_z, test_y = training.evaluate.test_z, training.evaluate.test_y
        before, after = (logits(head, test_z).argmax(1) for head in (training.clean_head, training.poisoned_head))
    rows = (before.eq(test_y) & after.ne(test_y)).nonzero().flatten()
    shown = rows[:MOST]
    answer = Misread(len(rows), *(tuple(values.tolist()) for values in (shown, test_y[shown], after[shown])))
    _MISREAD.write(_MISREAD.key(spec_hash), answer.to_json())
    return answer
