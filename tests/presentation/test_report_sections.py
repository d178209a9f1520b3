"""What a report says came out of a run."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.experiments.summary import RunSummary
from core.heads.scores import Score
from core.presentation import comparison, figures, report_sections, story
from core.presentation import facts as outcome
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


def summary(**values: Any) -> RunSummary:
    return replace(drawn_result(tiny_spec()).summary(), **values)


def score(accuracy: float, **values: Any) -> Score:
    return Score(accuracy, [accuracy] * 10, **values)


@pytest.mark.parametrize(
    ("m", "attack", "poisoned", "words"),
    [
        (60, "ft-matching", 0.7, "60 poisoned images cost a classifier of Fashion-MNIST 10.0 points of accuracy"),
        (1, "ft-matching", 0.7, "1 poisoned image costs a classifier of Fashion-MNIST 10.0 points of accuracy"),
        (1200, "gc-feature", 0.8, "1,200 poisoned feature vectors cost a classifier of Fashion-MNIST no accuracy"),
        (2, "label-flip", 0.85, "2 poisoned images cost a classifier of Fashion-MNIST no accuracy"),
    ],
)
def test_headline_says_what_happened(m: int, attack: str, poisoned: float, words: str) -> None:
    result = summary(n_poison=m, clean=score(0.8), poisoned=score(poisoned), spec=tiny_spec(attack=attack))
    assert report_sections.headline(result) == words


@pytest.mark.parametrize(("n_test", "proves_little"), [(100, True), (10_000, False)])
def test_a_drop_is_compared_with_chance(n_test: int, proves_little: bool) -> None:
    result = summary(n_test=n_test, clean=score(0.8), poisoned=score(0.75))
    last = report_sections.findings(result)[-1]
    error = 100 * math.sqrt((0.8 * 0.2 + 0.75 * 0.25) / n_test)
    assert f"standard error is {error:.1f} points" in last
    assert ("proves little" in last) == proves_little


@pytest.mark.parametrize(("lost", "gained", "proves_little"), [(30, 10, False), (12, 8, True)])
def test_images_that_are_lost_and_gained_are_counted(lost: int, gained: int, proves_little: bool) -> None:
    poisoned = score(0.8 - (lost - gained) / 1000, lost=lost, gained=gained)
    counts, last = report_sections.findings(summary(n_test=1000, clean=score(0.8), poisoned=poisoned))[-2:]
    assert counts.startswith(f"Of 1,000 test images, {lost} that were right are now wrong, and {gained} that")
    assert ("proves little" in last) == proves_little


@pytest.mark.parametrize(
    ("lost", "gained", "counts", "often"),
    [
        (1, 0, "1 that was right is now wrong, and 0 that were wrong are now right.", "100 %"),
        (9, 7, "9 that were right are now wrong, and 7 that were wrong are now right.", "80 %"),
        (20, 7, "20 that were right are now wrong, and 7 that were wrong are now right.", "2 %"),
        (90, 1, "90 that were right are now wrong, and 1 that was wrong is now right.", "less than 0.01 %"),
    ],
)
def test_counts_and_chances_are_written_by_a_person(lost: int, gained: int, counts: str, often: str) -> None:
    poisoned = score(0.8 - (lost - gained) / 1000, lost=lost, gained=gained)
    sides, last = report_sections.findings(summary(n_test=1000, clean=score(0.8), poisoned=poisoned))[-2:]
    assert sides == f"Of 1,000 test images, {counts}"
    assert f"by as much in {often} of such tests" in last


def test_a_drop_of_nothing_has_no_sign() -> None:
    result = summary(clean=score(0.8), poisoned=score(0.8 + 1e-9))
    assert report_sections.tiles(result)[-1].value == "0.0"


def test_findings_name_the_class_that_is_hit_hardest() -> None:
    per_class = [0.8] * 9 + [0.2]
    result = summary(clean=score(0.8), poisoned=Score(float(np.mean(per_class)), per_class))
    assert "Hardest hit is Ankle boot, from 80.0 % to 20.0 %." in report_sections.findings(result)


def test_tiles_show_a_dash_where_the_attack_has_no_such_head() -> None:
    values = {tile.label: tile.value for tile in report_sections.tiles(summary(target=None))}
    assert values == {"Clean": "80.0 %", "Target": "—", "Stage 2": "50.0 %", "Poisoned": "60.0 %", "Drop": "20.0"}


def test_accuracy_won_is_no_loss() -> None:
    result = summary(clean=score(0.6), poisoned=score(0.7))
    assert not any("Hardest" in sentence for sentence in report_sections.findings(result))
    assert [row.lost for row in report_sections.classes(result)] == pytest.approx([-10.0] * 10)


def test_findings_name_uneven_classes_second() -> None:
    per_class = [1.0] * 9 + [0.0]
    confusion = np.diag([10] * 9 + [2]).tolist()
    uneven = Score(0.98, per_class, confusion)
    second = report_sections.findings(summary(clean=uneven, poisoned=uneven, target=None, stage2=None))[1]
    assert second.startswith("Classes are uneven: of 92 test images, from 10.9 % T-shirt/top to 2.2 % Ankle boot.")
    assert second.endswith("Clean 90.0 %, Poisoned 90.0 %.")
    assert not any("uneven" in finding for finding in report_sections.findings(summary()))


def test_a_class_without_test_images_is_a_dash_and_never_the_hardest_hit() -> None:
    """Results of earlier versions have such classes."""
    clean, poisoned = (Score(share, [math.nan, *[share] * 8, share - 0.1]) for share in (0.8, 0.6))
    result = summary(clean=clean, poisoned=replace(poisoned, per_class=[math.nan, *[0.6] * 8, 0.2]))
    assert "Hardest hit is Ankle boot, from 70.0 % to 20.0 %." in report_sections.findings(result)
    rows = report_sections.classes(result)
    assert rows[0].cells == ["—", "—", "—"]
    assert rows[1].cells == ["80.0", "60.0", "20.0"]
    facts = outcome.facts(result, None)
    assert (facts["worst_class"], facts["worst_drop"]) == (("Ankle boot",), pytest.approx(50))
    changes = story.story_of(result, None).hardest_hit
    assert changes[0].name == "Ankle boot"
    assert len(changes) == 9
    bars = figures.per_class_figure(result).data[0]
    assert list(bars.y)[-1] == "Ankle boot"
    assert (bars.y[0], bars.text[0]) == ("T-shirt/top", "")
    assert comparison.most_changed([result.class_drops()], 1) == [9]
