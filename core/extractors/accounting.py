"""What of a weights file may stay unused: a short list of kinds. Anything else shows another architecture."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from core.extractors.trees import COUNTER, Tree

_KINDS: dict[str, str] = {
    "classifier": r"(fc|heads?|head_dist|cls_head|classifier|last_linear|linear|logits|pre_logits|aux\d|AuxLogits)\b",
    "projector or predictor": r"((\w+_)?(projector|projection|predictor|prediction)(_(head|mlp))?|proj_head|mlp_head|"
    r"contrastive_head|dino_head|ibot_head|prototypes|queue\w*|logit_scale|logit_bias)\b",
    "mask token": r"mask_token$",
    "decoder": r"decoder(_\w+)?\b",
    "counter of BatchNorm": rf"(.*\.)?{COUNTER}$",
    "index computed from the shape": r"(.*\.)?(relative_position_index|relative_coords_table|attn_mask)$",
}
"""Kinds of entries that may stay unused, by a pattern of the beginning of their name."""
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
ALLOWED = tuple(_KINDS)


@dataclass(frozen=True)
class Account:
    """What of a tree is not used.

    Attributes:
        kinds: numbers of entries of known kinds.
        elsewhere: number of entries in other trees that would fit as well.
        unknown: names, as they stand in the file, of entries that nothing explains.
    """

    kinds: Mapping[str, int]
    elsewhere: int
    unknown: tuple[str, ...]


def account(
    tree: Tree, wanted: Mapping[str, Tensor], others: Sequence[Tree] = (), classifiers: Iterable[str] = ()
) -> Account:
    """What of a tree an architecture does not use.

    Args:
        tree: that fits.
        wanted: entries of the architecture by name.
        others: further trees that fit.
        classifiers: beginnings of the names of the architecture's own classifier.
    """
    kinds: Counter[str] = Counter()
    unknown, elsewhere = [], 0
    branches = {other.prefix for other in others if other.dictionary is tree.dictionary} - {tree.prefix}
    for name, shown in _unused(tree, wanted):
        if any(shown.startswith(prefix) for prefix in branches if len(prefix) > len(tree.prefix)):
            elsewhere += 1
        elif kind := _kind(name, tuple(classifiers)):
            kinds[kind] += 1
        else:
            unknown.append(shown)
    return Account(dict(kinds), elsewhere, tuple(unknown))


def _kind(name: str, classifiers: Sequence[str]) -> str:
    if any(name == own or name.startswith(f"{own}.") for own in classifiers):
        return "classifier"
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(name)), "")


def _unused(tree: Tree, wanted: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Entries that are not used: their names without the prefix, and as they stand in the file."""
    unused = [(name, name) for name in tree.entries if name not in wanted]
    if tree.sources is None:
        return [(name, tree.prefix + name) for name, _ in unused]
    # Renamed: one that the architecture lacks is known by its new name, one that was left out by its old one.
    made = [(name, tree.prefix + source) for name, _ in unused for source in sorted(tree.sources[name])]
    taken = {tree.prefix + source for sources in tree.sources.values() for source in sources}
    left = [name for name in tree.dictionary.tensors if name.startswith(tree.beginning) and name not in taken]
    return made + [(name.removeprefix(tree.beginning), name) for name in left]
