"""The sentences that explain figures."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.heads.scores import Score
from core.presentation import captions
from core.spec.experiment import parse_spec
from core.storage.misread import Misread
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


@pytest.mark.parametrize(
    ("factor", "words"), [(0, "no pixel is changed"), (1, "difference, around"), (9, "amplified 9×")]
)
def test_words_on_differences_say_how_strong_they_are_drawn(factor: int, words: str) -> None:
    assert words in captions.difference_caption(factor)


def test_even_classes_are_not_mentioned() -> None:
    even = Score(0.5, [0.5, 0.5], [[5, 5], [5, 5]])
    assert captions.balanced_caption(["cats", "dogs"], {"Clean": even}) == ""
    assert captions.balanced_caption(["cats", "dogs"], {"Clean": Score(0.5, [0.5, 0.5])}) == ""
    assert captions.uneven_caption(drawn_result(tiny_spec()).summary()) == ""


def test_uneven_classes_are_named_with_their_shares_and_the_balanced_accuracy() -> None:
    summary = replace(
        drawn_result(tiny_spec()).summary(),
        classes=("dogs", "cats"),
        clean=Score(0.95, [0.0, 1.0], [[0, 1], [0, 19]]),
        target=None,
        stage2=None,
        poisoned=Score(0.9, [0.5, 0.9], [[0, 1], [1, 18]]),
    )
    assert captions.uneven_caption(summary) == (
        "Classes are uneven: of 20 test images, 95.0 % cats, 5.0 % dogs. Accuracy is mostly that of the large classes. "
        "Balanced accuracy, the mean of the accuracies of the classes: Clean 50.0 %, Poisoned 70.0 %."
    )


def test_of_many_classes_the_largest_and_the_smallest_are_named() -> None:
    score = Score(1.0, [1.0] * 5, [[n if i == j else 0 for j in range(5)] for i, n in enumerate((20, 30, 10, 25, 15))])
    assert "of 100 test images, from 30.0 % b to 10.0 % c." in captions.balanced_caption("abcde", {"Clean": score})


def test_the_start_that_was_kept_is_named_with_its_rivals_and_their_cost() -> None:
    summary = drawn_result(tiny_spec()).summary()
    assert captions.starts_caption(summary) == ""
    stage = next(iter(summary.description.stages))
    notes = {
        "train_accuracy_of:matched:clean": 0.8,
        "train_accuracy_of:frank-wolfe:chosen": 0.75,
        "train_accuracy_kept:frank-wolfe:chosen": 0.7,
    }
    several = replace(summary, notes=notes, seconds={stage: 3.0, "extract": 100.0})
    assert captions.starts_caption(several) == (
        "Kept of 2 starts: Frank–Wolfe (Chosen by influence), which leaves 70.0 % of the training images right. "
        "After the first steps on all pixels: Frank–Wolfe (Chosen by influence) 75.0 %, matched images (The base "
        "image's own label) 80.0 %. All of them together took 3 s."
    )


@pytest.mark.parametrize(
    ("poisoned", "images", "words"),
    [
        (0.6, True, "2 poisoned images among 22 make 4 more of 20 test images wrong."),
        (0.8, True, "2 poisoned images among 22 make no more of 20 test images wrong."),
        (0.85, False, "2 poisoned feature vectors among 22 make 1 fewer of 20 test images wrong."),
    ],
)
def test_the_harm_is_counted_in_images(poisoned: float, images: bool, words: str) -> None:
    summary = replace(
        drawn_result(tiny_spec()).summary(),
        **{"n_train": 20, "n_test": 20, "n_poison": 2, "clean": Score(0.8, [0.8]), "poisoned": Score(poisoned, [0.5])},
    )
    assert captions.harm_sentence(summary, makes_images=images) == words
    alone = replace(summary, n_poison=1)
    assert captions.harm_sentence(alone, makes_images=True).startswith("1 poisoned image among 21 makes ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ""),
        ({"attacker_data": "other"}, "The attacker knew other images of the same kind, not the training set."),
        ({"attacker_data": "other", "extractor": "none"}, "The attacker knew other points of the same kind, not the "),
        ({"attacker_ridge": 0.01}, "The attacker knew λ = 0.01, not the head's 0.001."),
        (
            {"attacker_ridge": 0.01, "attacker_extractor": "resnet10-small-mnist"},
            "The attacker knew λ = 0.01, not the head's 0.001; Small ResNet-10, MNIST, not the head's extractor.",
        ),
    ],
)
def test_what_the_attacker_knew_instead_is_said(values: dict[str, Any], words: str) -> None:
    found = captions.knowledge_sentence(parse_spec(values))
    assert found.startswith(words)
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("poisoned", "misread", "words"),
    [
        (0.6, Misread(10, tuple(range(10)), (0,) * 10, (1,) * 10), "10 test images are newly misread: right"),
        (0.6, Misread(13, (1,), (0,), (1,)), "3 others are newly right, so that 10 more are wrong. The first 1 are"),
        (
            0.8,
            Misread(1, (1,), (0,), (1,)),
            "1 test image is newly misread: right without the poison, wrong with it. 1",
        ),
        (0.8, Misread(2, (1, 2), (0, 0), (1, 1)), "2 others are newly right, so that as many are wrong as before."),
        (0.82, Misread(0, (), (), ()), "1 other is newly right, so that 1 fewer are wrong."),
    ],
)
def test_newly_misread_images_go_together_with_the_accuracy_lost(poisoned: float, misread: Misread, words: str) -> None:
    summary = replace(
        drawn_result(tiny_spec(test_size=50)).summary(), clean=Score(0.8, [0.8]), poisoned=Score(poisoned, [poisoned])
    )
    assert summary.n_test == 50
    assert words in captions.misread_remark(summary, misread)


def test_what_no_pixel_shows_is_said_of_pairs() -> None:
    plot = drawn_result(tiny_spec()).plot
    assert plot is not None
    assert captions.pairs_remark(plot) == ""
    assert "only the labels are wrong" in captions.pairs_remark(replace(plot, poison_x=plot.base_x))
    assert "feature vectors, not images" in captions.pairs_remark(replace(plot, poison_x=None))


def test_figures_are_said_in_numbers() -> None:
    result = drawn_result(tiny_spec(), 0.8, 0.65)
    summary, plot = result.summary(), result.plot
    assert captions.before_after_words(summary) == (
        "Test accuracy 80.0 % without poison, 65.0 % with poison: 15.0 points lost"
    )
    better = replace(summary, poisoned=Score(0.85, summary.poisoned.per_class))
    assert captions.before_after_words(better).endswith("85.0 % with poison: 5.0 points gained")
    assert captions.accuracy_words(summary).startswith("Test accuracy: Clean 80.0 %, ")
    assert captions.accuracy_words(summary).endswith("Poisoned 65.0 %; a drop of 15.0 points")
    three = replace(
        summary,
        classes=("a", "b", "c"),
        clean=Score(0.8, [0.9, 0.5, float("nan")]),
        poisoned=Score(0.6, [0.8, 0.1, float("nan")]),
    )
    assert captions.class_words(three) == "Points of accuracy lost per class: b 40.0, a 10.0"
    few = replace(plot, poison_y=np.array([3, 1, 1, 2, 4, 3, 1]))
    with_counts = captions.map_words(few, [f"class {i}" for i in range(10)])
    assert with_counts.startswith(f"Map of {plot.n_clean} clean training features by class and of ")
    assert with_counts.endswith("labelled: 3 as class 1, 2 as class 3, 1 as class 2, 1 as others")
