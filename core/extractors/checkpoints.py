"""What is inside a weights file: its dictionaries of tensors, however deep they are nested."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from core.extractors.weights import read_safetensors, unpickled
from core.system.errors import WeightsError

MAX_DEPTH = 5
"""Dictionaries nested deeper are not searched: training states of known methods nest two or three."""


@dataclass(frozen=True)
class Dictionary:
    """A dictionary of tensors inside a file.

    Attributes:
        keys: that lead to it from the outermost one; empty for the outermost.
        tensors: its own tensors by name, in their own shapes.
    """

    keys: tuple[str, ...]
    tensors: Mapping[str, Tensor]

    @property
    def place(self) -> str:
        """The keys as text, such as "teacher/backbone"; "" for the outermost."""
        return "/".join(self.keys)


@dataclass(frozen=True)
class Checkpoint:
    """A file's dictionaries of tensors, outermost first, and the number of all its tensors by outermost key."""

    path: Path
    dictionaries: tuple[Dictionary, ...]
    counts: Mapping[str, int]


def read(path: Path) -> Checkpoint:
    """Read a safetensors file, or one that torch saved; pickled code is refused.

    Raises:
        WeightsError: the file can't be read, carries code, or holds no tensor by name.
    """
    return opened(read_safetensors(path) if path.suffix.lower() == ".safetensors" else unpickled(path), path)


def opened(content: Any, path: Path) -> Checkpoint:
    """The dictionaries of what a file holds.

    Args:
        content: of the file, unpickled.
        path: of the file, for messages.

    Raises:
        WeightsError: it holds no tensor by name.
    """
    dictionaries = tuple(_dictionaries(content, (), set()))
    if not dictionaries:
        raise WeightsError(f"Weights file {path} holds no dictionary of tensors.")
    nested = {str(key): value for key, value in content.items() if not isinstance(value, Tensor)}
    seen: set[int] = set()
    counts = {key: _count(value, 0, seen) for key, value in nested.items()}
    return Checkpoint(path, dictionaries, {key: count for key, count in counts.items() if count})


def _dictionaries(content: Any, keys: tuple[str, ...], seen: set[int]) -> Iterator[Dictionary]:
    if not isinstance(content, Mapping) or len(keys) > MAX_DEPTH or id(content) in seen:
        return
    seen.add(id(content))  # a pickle may hold itself
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and _has_shape(value)}
    if tensors:
        yield Dictionary(keys, tensors)
    for key, value in content.items():
        if isinstance(key, str):
            yield from _dictionaries(value, (*keys, key), seen)


def _has_shape(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_nested


def _count(content: Any, depth: int, seen: set[int]) -> int:
    """The number of tensors in nested data."""
    if isinstance(content, Tensor):
        return 1
    if depth > MAX_DEPTH or id(content) in seen or isinstance(content, str):
        return 0
    inner = list(content.values()) if isinstance(content, Mapping) else content
    if not isinstance(inner, Sequence) or isinstance(inner, bytes | range):
        return 0
    seen.add(id(content))
    return sum(_count(value, depth + 1, seen) for value in inner)
