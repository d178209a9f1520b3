"""The trees of a weights file that hold all entries of an architecture: a dictionary, and a prefix of its names.

Prefixes are read off the names themselves: where an entry of the file ends with the name of a wanted entry, what
stands before it is a candidate. No list of known ones is needed, and nested ones, such as `module._orig_mod.`, are like
others.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from torch import Tensor

from core.extractors.checkpoints import Dictionary
from core.extractors.overrides import Branch

COUNTER = "num_batches_tracked"
"""BatchNorm's counter of training steps, which no prediction uses and old files lack."""
ORDER = "averaged (EMA) weights, a teacher, any other, a student, a momentum or target branch; then the outermost"
"""Which of several trees that fit is taken, in words: EMA as in timm, the teacher as in DINO, the base as in MoCo."""
_RANKS = (("ema", 0), ("teacher", 1), ("student", 3), ("momentum", 4), ("target", 4), ("k", 4))
_OTHER = 2
_KEYS = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict", "module", "net")
"""Dictionaries in the order in which equal ones are taken; other keys follow in the order of the file."""


@dataclass(frozen=True)
class Tree:
    """Entries of a file under one prefix.

    Attributes:
        dictionary: that holds them.
        prefix: that was stripped of their names; it ends with a full stop, or is "".
        entries: all of them by the rest of their name, not only those that are wanted.
        sources: names of the entries of `dictionary` that each entry was made of, where a conversion renamed them.
    """

    dictionary: Dictionary
    prefix: str
    entries: Mapping[str, Tensor]
    sources: Mapping[str, frozenset[str]] | None = None

    @property
    def words(self) -> frozenset[str]:
        """The words of its keys and its prefix."""
        return frozenset(re.split(r"[^a-z0-9]+", ".".join((*self.dictionary.keys, self.prefix)).lower()))

    @property
    def is_ema(self) -> bool:
        """Whether its weights are averages over the training."""
        return "ema" in self.words

    @property
    def beginning(self) -> str:
        """What the names of all its entries begin with in the file, up to a full stop."""
        if self.sources is None:
            return self.prefix
        parts = [name.split(".")[:-1] for names in self.sources.values() for name in names]
        shared = takewhile(lambda part: len(set(part)) == 1, zip(*parts, strict=False))
        return self.prefix + "".join(f"{part[0]}." for part in shared)

    @property
    def place(self) -> str:
        """Where it stands in the file, for messages."""
        keys = f"the dictionary {self.dictionary.place!r}" if self.dictionary.keys else "the outermost dictionary"
        return f"{keys} under the prefix {self.prefix!r}" if self.prefix else keys

    def fits(self, wanted: Mapping[str, Tensor]) -> bool:
        """Whether it holds all wanted entries in their shapes; counters may be missing."""
        return not differences(self.entries, wanted)


def differences(entries: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Names of wanted entries that are missing or have another shape; counters may be missing.

    Args:
        entries, wanted: by name.
    """
    return [
        name
        for name, value in wanted.items()
        if (entries[name].shape != value.shape if name in entries else not name.endswith(COUNTER))
    ]


def candidates(dictionary: Dictionary, wanted: Mapping[str, Tensor]) -> list[Tree]:
    """The trees of a dictionary that hold wanted entries, those with most of them first.

    Args:
        dictionary: of a file.
        wanted: entries of an architecture by name.
    """
    counted: Counter[str] = Counter()
    for name, value in dictionary.tensors.items():
        for prefix, rest in _cuts(name):
            if rest in wanted and not rest.endswith(COUNTER):
                counted[prefix] += 2 if wanted[rest].shape == value.shape else 1
    return [under(dictionary, prefix) for prefix, _ in counted.most_common(8)]


def under(dictionary: Dictionary, prefix: str) -> Tree:
    """The tree of a dictionary under a prefix."""
    length = len(prefix)
    named = dictionary.tensors.items()
    return Tree(dictionary, prefix, {name[length:]: value for name, value in named if name.startswith(prefix)})


def ordered(trees: Sequence[Tree], branch: Branch | None) -> list[Tree]:
    """The trees in the order in which they are taken: see `ORDER`.

    Args:
        trees: that fit, in the order of the file.
        branch: "ema" or "raw" leaves only those.
    """
    allowed = [tree for tree in trees if branch is None or tree.is_ema == (branch == "ema")]
    return sorted(allowed, key=_rank)


def _rank(tree: Tree) -> tuple[int, int, int, int]:
    words = tree.words
    branch = min((rank for word, rank in _RANKS if word in words), default=_OTHER)
    keys = tree.dictionary.keys
    known = _KEYS.index(keys[0]) if keys and keys[0] in _KEYS else len(_KEYS)
    return branch, len(keys) and known, len(keys), len(tree.prefix)


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """A name, cut before its first part and after each full stop."""
    yield "", name
    for match in re.finditer(r"\.", name):
        yield name[: match.end()], name[match.end() :]


def with_entries(tree: Tree, entries: Mapping[str, Tensor], sources: Mapping[str, frozenset[str]]) -> Tree:
    """A tree whose entries were renamed.

    Args:
        tree: as it stands in the file.
        entries: by their new names.
        sources: see `Tree`.
    """
    return replace(tree, entries=entries, sources=sources)
