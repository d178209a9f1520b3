"""Emoji in the evidence: the same images for both extractors, judged on made-up drops of which the truth is known."""

from typing import Any

import numpy as np
import pytest

from core.data.registry import DATA
from core.data.split import draw
from core.evidence import vendors
from core.evidence.vendors import OTHER, OWN, Place


def known(drop: Any, seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, dict[str, Any]]:
    """Every experiment; its drop in points is `drop(place, seed)`."""
    return {
        vendors.spec_of(place, seed).hash: {"clean": 0.7, "poisoned": 0.7 - drop(place, seed) / 100}
        for place in vendors.places()
        for seed in seeds
    }


def line(text: str, begin: str) -> list[str]:
    """The cells of the line that begins so."""
    (found,) = (one for one in text.splitlines() if one.startswith(f"| {begin}"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_both_extractors_get_the_same_images_of_a_vendor() -> None:
    specs = vendors.specs((1,))
    assert len({spec.hash for spec in specs}) == len(specs) == 3 * 2 * len(vendors.ATTACKS)
    assert {(spec.train_domain, spec.test_domain) for spec in specs} == {(name, name) for name in DATA["emoji"].domains}
    first, second = (vendors.spec_of(Place("twitter", name, "fw-input"), 1) for name in (OWN, OTHER))
    sizes = {"train_size": first.train_size, "test_size": first.test_size}
    assert {**sizes, "seed": 1} == {"train_size": second.train_size, "test_size": second.test_size, "seed": second.seed}
    draws = [
        draw(DATA["emoji"], **sizes, seed=seed, train_domain="twitter", test_domain="twitter").train_x
        for seed in (1, 2)
    ]
    assert not np.array_equal(*draws)


@pytest.mark.parametrize(
    ("other", "cells"),
    [
        (6, ["2.0 ± 0.0 points", "3", "holds"]),
        (2, ["-2.0 ± 0.0 points", "3", "does not hold"]),
        (4, ["0.0 ± 0.0 points", "3", "cannot be told"]),
    ],
    ids=["more", "less", "the same"],
)
def test_transfer_is_judged_seed_by_seed(other: float, cells: list[str]) -> None:
    # Seeds differ by more than the extractors do, vendors by nothing.
    rows = known(lambda place, seed: (other if place.extractor == OTHER else 4) + 5 * seed)
    assert line(vendors.text(rows, (0, 1, 2)), f"`fw-input`: `{OTHER}` minus `{OWN}`")[1:] == cells


def test_what_seeds_disagree_on_cannot_be_told() -> None:
    rows = known(lambda place, seed: 4 + (seed - 0.5 if place.extractor == OTHER else 0))
    cells = line(vendors.text(rows, (0, 1, 2)), f"`label-flip`: `{OTHER}` minus `{OWN}`")
    assert cells[1:] == ["0.5 ± 2.5 points", "3", "cannot be told"]


def test_drops_are_means_over_seeds_and_name_the_setting() -> None:
    text = vendors.text(known(lambda place, seed: 3 + seed), (0, 1, 2))
    begin = f"google | `{OWN}` | fine-tuning | `fw-input` | clean | 3 | 70.0 | 4.0 ± 2.5"
    assert f"| {begin} |" in text
    assert f"| twitter | `{OWN}` | domain adaptation | `label-flip` |" in text
    assert f"| fluent3d | `{OTHER}` | transfer | `tgda-feature` |" in text


def test_one_seed_is_not_measured_yet() -> None:
    text = vendors.text(known(lambda place, seed: 3, (0,)), (0, 1, 2))
    assert line(text, f"google | `{OWN}` | fine-tuning | `fw-input`")[5:] == ["1", "not measured yet", ""]
    assert line(text, f"`fw-input`: `{OTHER}`")[1:] == ["not measured yet", "", ""]


def test_no_seed_is_one_line() -> None:
    assert vendors.text({}, (0, 1, 2)).endswith("the same for both extractors. Not measured yet.")
