"""timm's renaming of foreign checkpoints, such as DINOv2's and CLIP's, which may rename and reshape, never resample."""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from core.extractors.checkpoints import Dictionary
from core.extractors.trees import Tree, under, with_entries

_SHARE = 0.5
"""A prefix is tried if it covers as many entries as this share of what the architecture has."""


class _Resampled(Exception):
    """A conversion would have changed the size of patches or of the grid of positions."""


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes of which tensors each new one is made, and ends a conversion that resamples."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sources = {id(value): frozenset((name,)) for name, value in tensors.items()}
        self._kept: list[Any] = []  # ids are those of other tensors once these are gone

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "upsample" in func.name():
            raise _Resampled
        result = func(*args, **(kwargs or {}))
        sources = self.of(*_tensors((args, kwargs)))
        for tensor in _tensors(result):
            self._sources.setdefault(id(tensor), sources)
        self._kept.append(result)
        return result

    def of(self, *tensors: Tensor) -> frozenset[str]:
        """Names of the entries that tensors are made of."""
        return frozenset[str]().union(*(self._sources.get(id(tensor), frozenset()) for tensor in tensors))


def converted(dictionary: Dictionary, model: nn.Module, wanted: Mapping[str, Tensor]) -> list[Tree]:
    """The trees of a dictionary that hold all wanted entries once timm has renamed them.

    Args:
        dictionary: of a file.
        model: of timm, on the meta device.
        wanted: its entries.
    """
    convert = _converter(model)
    if convert is None:
        return []
    trees = []
    for prefix in _prefixes(dictionary, len(wanted)):
        tree = under(dictionary, prefix)
        # First by shapes alone, which costs next to nothing and can't hide a step through NumPy.
        shapes = _convert(with_entries(tree, {name: _shape(value) for name, value in tree.entries.items()}, {}), model)
        if shapes is not None and shapes.fits(wanted) and (result := _convert(tree, model)) is not None:
            trees.append(result)
    return trees


def _converter(model: nn.Module) -> Callable[..., Any] | None:
    return getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)


def _convert(tree: Tree, model: nn.Module) -> Tree | None:
    """A tree as timm's filter for a model renames it; None where the filter can't, or would resample."""
    watch, convert = _Watch(tree.entries), _converter(model)
    assert convert is not None
    try:
        with torch.no_grad(), watch:
            entries = convert(dict(tree.entries), model)
        entries = {str(name): value for name, value in entries.items() if isinstance(value, Tensor)}
    except Exception:  # a filter meets any names and shapes here, and raises whatever they lead to
        return None
    return with_entries(tree, entries, {name: watch.of(value) for name, value in entries.items()})


def _prefixes(dictionary: Dictionary, count: int) -> Iterator[str]:
    """Beginnings of names, at most three parts deep, under which enough entries lie; "" first."""
    numbers: dict[str, int] = {}
    for name in dictionary.tensors:
        parts = name.split(".")[:-1]
        for depth in range(min(len(parts), 3) + 1):
            prefix = "".join(f"{part}." for part in parts[:depth])
            numbers[prefix] = numbers.get(prefix, 0) + 1
    return (prefix for prefix, number in sorted(numbers.items()) if number >= _SHARE * count)


def _shape(value: Tensor) -> Tensor:
    return torch.empty(value.shape, dtype=value.dtype, device="meta")


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
