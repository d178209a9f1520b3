"""Which part of a weights file is taken: prefixes are read off the names, and several that fit have an order."""

import pytest
import torch

from core.extractors.checkpoints import Dictionary
from core.extractors.trees import Tree, candidates, differences, ordered, under

WANTED = {
    "conv.weight": torch.zeros(2, 3),
    "bn.running_mean": torch.zeros(2),
    "bn.num_batches_tracked": torch.tensor(0),
}


def tree(key: str, prefix: str) -> Tree:
    keys = tuple(key.split("/")) if key else ()
    dictionary = Dictionary(keys, {prefix + name: value for name, value in WANTED.items()})
    return under(dictionary, prefix)


@pytest.mark.parametrize(
    "prefix", ["", "_orig_mod.", "module._orig_mod.", "net.0.backbone.", "conv.", "a.conv.weight."]
)
def test_any_prefix_is_found(prefix: str) -> None:
    dictionary = Dictionary((), {**tree("", prefix).dictionary.tensors, "optimizer.conv.weight": torch.zeros(9)})
    fitting = [candidate for candidate in candidates(dictionary, WANTED) if candidate.fits(WANTED)]
    assert [candidate.prefix for candidate in fitting] == [prefix]
    assert set(fitting[0].entries) >= set(WANTED)


def test_counters_may_be_missing_and_nothing_else() -> None:
    old = {name: value for name, value in WANTED.items() if "num_batches" not in name}
    assert differences(old, WANTED) == []
    assert differences({}, WANTED) == ["conv.weight", "bn.running_mean"]
    assert differences({**WANTED, "conv.weight": torch.zeros(3, 2)}, WANTED) == ["conv.weight"]


ORDERED = [
    ("state_dict_ema", ""),
    ("model", "ema_model."),
    ("teacher", "backbone."),
    ("", ""),
    ("", "encoder_q."),
    ("state_dict", ""),
    ("model", ""),
    ("model", "module."),
    ("other", ""),
    ("student", "backbone."),
    ("", "encoder_k."),
    ("state_dict", "module.momentum_encoder."),
]
"""Dictionary and prefix, in the order in which they are taken."""


def test_several_that_fit_have_an_order() -> None:
    trees = [tree(*place) for place in reversed(ORDERED)]
    assert [(found.dictionary.place, found.prefix) for found in ordered(trees, None)] == ORDERED


def test_a_branch_can_be_asked_for() -> None:
    trees = [tree(*place) for place in ORDERED]
    assert [found.is_ema for found in ordered(trees, "ema")] == [True, True]
    assert [(found.dictionary.place, found.prefix) for found in ordered(trees, "raw")] == ORDERED[2:]


def test_a_place_is_said() -> None:
    assert tree("", "").place == "the outermost dictionary"
    assert tree("a/b", "c.").place == "the dictionary 'a/b' under the prefix 'c.'"
