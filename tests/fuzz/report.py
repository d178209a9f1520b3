"""What a target's inputs reach: the lines of the project's functions, and whether an input passes the first check."""

import random
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import PIL
import torch
from torch import _weights_only_unpickler as unpickler

from core.system.paths import ROOT

Target = Callable[[bytes], None]
Lines = dict[str, set[int]]
"""Numbers of lines by the path of their file."""
PROJECT = tuple(f"{ROOT / folder}/" for folder in ("core", "pages"))
PARSERS = (f"{Path(PIL.__file__).parent}/", zipfile.__file__, torch.serialization.__file__, unpickler.__file__)
"""Parsers that the project calls, whose lines show how far an input gets."""


@dataclass(frozen=True)
class Reach:
    """What a sample of inputs reaches.

    Attributes:
        inputs: in the sample.
        past: those that pass the first check, i.e. reach a line of the project or of a parser that no junk reaches.
        reached, lines: by file, the lines that are reached, and all of the functions that are entered.
    """

    inputs: int
    past: int
    reached: dict[str, int]
    lines: dict[str, int]

    def as_text(self, most: int = 6) -> list[str]:
        """A line for each of the files with most lines."""
        names = sorted(self.lines, key=lambda name: -self.lines[name])
        return [f"  {self.reached[name]:>4} of {self.lines[name]:>4} lines  {name}" for name in names[:most]]


def junk() -> list[bytes]:
    """What no parser takes for its format: nothing, zeros, noise."""
    noise = random.Random(0)
    return [b"", b"\0", b"\0" * 200, b"x" * 200, *(noise.randbytes(length) for length in range(1, 400, 20))]


def reach(target: Target, sample: Iterable[bytes], others: Iterable[bytes] = ()) -> Reach:
    """Run a target on a sample of its inputs, and on others that count for the lines only, such as a corpus."""
    shallow: Lines = defaultdict(set)
    codes: set[CodeType] = set()
    for data in junk():
        _add(shallow, _traced(target, data, codes))
    all_lines: Lines = defaultdict(set)
    _add(all_lines, shallow)
    inputs = past = 0
    for data in sample:
        lines = _traced(target, data, codes)
        inputs += 1
        past += any(numbers - shallow[name] for name, numbers in lines.items())
        _add(all_lines, lines)
    for data in others:
        _add(all_lines, _traced(target, data, codes))
    possible: Lines = defaultdict(set)
    for code in codes:
        possible[code.co_filename] |= {number for _, _, number in code.co_lines() if number} - {code.co_firstlineno}
    names = {name: Path(name).relative_to(ROOT).as_posix() for name in possible}
    return Reach(
        inputs,
        past,
        {names[name]: len(all_lines[name] & numbers) for name, numbers in possible.items()},
        {names[name]: len(numbers) for name, numbers in possible.items()},
    )


def _add(lines: Lines, more: Lines) -> None:
    for name, numbers in more.items():
        lines[name] |= numbers


def _traced(target: Target, data: bytes, codes: set[CodeType]) -> Lines:
    """The lines of the project and of parsers that an input reaches; adds the project's functions to `codes`."""
    lines: Lines = defaultdict(set)

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    def call(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>" or not name.startswith((*PROJECT, *PARSERS)):
            return None
        if name.startswith(PROJECT):
            codes.add(frame.f_code)
        return local

    before = sys.gettrace()
    sys.settrace(call)
    try:
        target(data)
    except Exception:  # counted where it was found
        pass
    finally:
        sys.settrace(before)
    return lines
