"""Fitting a weights file to an architecture: which tree of the file is taken, and that nothing of it is left over."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core.extractors import lookalikes
from core.extractors.accounting import ALLOWED, Account, account
from core.extractors.architectures import classifiers, skeleton
from core.extractors.checkpoints import Checkpoint
from core.extractors.conversions import converted
from core.extractors.overrides import NOTHING, Overrides
from core.extractors.trees import COUNTER, Tree, candidates, differences, ordered, under
from core.system.errors import WeightsError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Fit:
    """A file's weights for an architecture.

    Attributes:
        tree: that was taken.
        others: further trees that fit, also those that the options leave out, in the order in which they are taken.
        weights: the wanted entries by name; counters may be missing.
        unused: what of the tree is not used.
    """

    tree: Tree
    others: tuple[Tree, ...]
    weights: Mapping[str, Tensor]
    unused: Account


def fit(checkpoint: Checkpoint, library: str, arch: str, options: Overrides = NOTHING) -> Fit:
    """The weights of a file for an architecture.

    Args:
        checkpoint: the content of the file.
        library, arch: the architecture.
        options: which prefix and which branch to take.

    Raises:
        SpecError: there is no such architecture.
        WeightsError: an entry is missing or has another shape; one is left over that nothing explains; or a value is
            not finite. The message names the architecture that the file looks like.
    """
    attempt = _attempt(checkpoint, library, arch, options)
    name, path = f"{library}:{arch}", checkpoint.path
    if isinstance(attempt, str):
        raise WeightsError(f"Weights file {path} does not fit {name}: {attempt}.{_advice(checkpoint, library, arch)}")
    if unknown := attempt.unused.unknown:
        lacks = f"entry {unknown[0]!r}" if len(unknown) == 1 else f"{len(unknown)} entries, such as {unknown[0]!r}"
        raise WeightsError(
            f"Weights file {path} does not fit {name}, which has no place for {lacks}."
            f"{_advice(checkpoint, library, arch)} What may stay unused: {', '.join(ALLOWED)}."
        )
    _check_values(attempt, checkpoint)
    return attempt


def is_whole(checkpoint: Checkpoint, library: str, arch: str) -> bool:
    """Whether a file fits an architecture, with nothing left over; values are not looked at.

    Args:
        checkpoint: the content of the file.
        library, arch: the architecture.
    """
    attempt = _attempt(checkpoint, library, arch, NOTHING)
    return not isinstance(attempt, str) and not attempt.unused.unknown


def _attempt(checkpoint: Checkpoint, library: str, arch: str, options: Overrides) -> Fit | str:
    """The fit that options allow; without one, what is wrong, as part of a sentence."""
    model = skeleton(library, arch, options.of_architecture)
    wanted = model.state_dict()
    places = [
        tree
        for dictionary in checkpoint.dictionaries
        for tree in (
            [under(dictionary, options.prefix)] if options.prefix is not None else candidates(dictionary, wanted)
        )
    ]
    trees = [tree for tree in places if tree.fits(wanted)]
    if not trees and library == "timm":
        renamed = [tree for dictionary in checkpoint.dictionaries for tree in converted(dictionary, model, wanted)]
        trees = [tree for tree in renamed if options.prefix in (None, tree.prefix, tree.beginning)]
    allowed = ordered(trees, options.weights)
    if trees and not allowed:
        kind = "averaged (EMA)" if options.weights == "ema" else "other than averaged (EMA)"
        raise WeightsError(f"Weights file {checkpoint.path} holds no {kind} weights: leave weights= out.")
    if not allowed:
        return _fault(places, wanted)
    tree, every = allowed[0], ordered(trees, None)
    others = tuple(other for other in every if other is not tree)
    weights = {key: tree.entries[key] for key in wanted if key in tree.entries}
    return Fit(tree, others, weights, account(tree, wanted, others, classifiers(library, arch)))


def _fault(places: list[Tree], wanted: Mapping[str, Tensor]) -> str:
    """What the tree that comes closest lacks."""
    missing = min((differences(tree.entries, wanted) for tree in places), key=len, default=list(wanted))
    closest = next((tree.entries for tree in places if differences(tree.entries, wanted) == missing), {})
    first = next((name for name in missing if name in closest), missing[0])
    words = f"{len(missing)} of {len(wanted)} entries are missing or have another shape, such as {first!r}"
    if first in closest:
        words += f", which is {_shape(closest[first])} in the file and {_shape(wanted[first])} in the architecture"
    return words


def _shape(value: Tensor) -> str:
    return " × ".join(map(str, value.shape)) or "a number"


def _advice(checkpoint: Checkpoint, library: str, arch: str) -> str:
    alike = lookalikes.looks_like(checkpoint, library, arch, lambda library, arch: is_whole(checkpoint, library, arch))
    likeness = f" It looks like {alike}." if alike else ""
    return f"{likeness} Name the architecture that it was made with."


def _check_values(found: Fit, checkpoint: Checkpoint) -> None:
    """Check that all weights are numbers, as a network computes with them.

    Raises:
        WeightsError: an entry holds something else; the message names it.
    """
    for name, value in found.weights.items():
        if name.endswith(COUNTER) or value.dtype == torch.int64:
            continue
        where = f"Entry {_source(found.tree, name)!r} of weights file {checkpoint.path}"
        if value.is_meta:
            raise WeightsError(f"{where} has a shape and no values: save the weights from where they were trained.")
        if value.layout != torch.strided or value.dtype not in _FLOATS:
            kind = str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")
            raise WeightsError(
                f"{where} is of kind {kind}, as in quantised or packed files. Allowed are float16, bfloat16, float32 "
                "and float64: save the weights as one of these."
            )
        as_computed = value.float()
        # A sum of float32 can't overflow in float64, so that it is finite exactly where all values are.
        if not math.isfinite(float(as_computed.sum(dtype=torch.float64))):
            wrong = int((~as_computed.isfinite()).sum())
            raise WeightsError(
                f"{where} holds {wrong:,} of {value.numel():,} values that are not finite (NaN or infinity): the file "
                "is damaged, or its training diverged. Use another checkpoint."
            )


def _source(tree: Tree, name: str) -> str:
    """The name of an entry as it stands in the file."""
    old = sorted(tree.sources.get(name, ())) if tree.sources is not None else []
    return tree.prefix + (old[0] if old else name)
