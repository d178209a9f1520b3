"""What the command line prints."""

import time

from core.certificates.certificate import AddedPoints, Certificates, FlippedLabels, Noise
from core.defences.verdict import DefenceStep, DefenceVerdict
from core.heads.scores import Score
from core.presentation.tables import certificates_text, defences_table, store_table
from core.system.retention import Entry


def step(name: str, poison_removed: int, auc: float | None) -> DefenceStep:
    """Of 20 poisoned points it has removed some, and 7 clean points."""
    return DefenceStep(name, tuple(range(poison_removed + 7)), 20, 2000, poison_removed, auc)


def verdict(steps: list[DefenceStep]) -> DefenceVerdict:
    clean, poisoned, defended = (Score(accuracy, []) for accuracy in (0.9, 0.6, 0.85))
    return DefenceVerdict(clean, poisoned, defended, 0.615, tuple(steps), step("", 12, None))


def test_each_defence_is_a_row_and_a_chain_has_one_more() -> None:
    alone, chain = verdict([step("loss", 9, 0.75)]), verdict([step("sphere", 5, 0.5), step("slab", 7, None)])
    lines = [line.split() for line in defences_table([alone, chain]).splitlines()]
    assert lines[0] == ["defence", "removed", "found", "clean", "lost", "ROC", "AUC", "accuracy", "random"]
    assert lines[1] == ["loss", "16", "9", "of", "20", "7", "0.750", "85.0%", "61.5%"]
    assert lines[2] == ["sphere", "12", "5", "of", "20", "7", "0.500"]
    assert lines[3] == ["slab", "14", "7", "of", "20", "7"]
    assert lines[4] == ["all", "19", "12", "of", "20", "7", "85.0%", "61.5%"]
    assert " ".join(lines[5]) == "clean 90.0%, as a perfect filter would leave it; poisoned 60.0%"


def test_certificates_are_told_as_far_as_they_reach() -> None:
    certificates = Certificates(
        added=AddedPoints(partitions=50, clean=0.8, attacked=0.7, certified=(0.8, 0.75, 0.7, 0.6, 0.5)),
        flipped=FlippedLabels(Noise(heads=100), clean=0.65, certified=(0.6, 0.4), plain=((1, 0.9), (10, 0.85))),
    )
    assert certificates_text(certificates, 20).splitlines() == [
        "50 heads on parts of the data, 80.0% right without poison and 70.0% with 20 poisoned points",
        "     0 points added: 80.0% certain",
        "     1 point added: 75.0% certain",
        "     2 points added: 70.0% certain",
        "     3 points added: 60.0% certain",
        "100 heads on randomised labels, 65.0% right",
        "     0 labels flipped: 60.0% certain",
        "     1 label flipped: 40.0% certain",
        "     1 label flipped: a single head is 90.0% right",
        "    10 labels flipped: a single head is 85.0% right",
    ]


def test_the_store_says_size_use_and_pin() -> None:
    used = time.mktime((2026, 1, 2, 3, 4, 0, 0, 0, -1))
    entries = [Entry("a" * 16, 12_345_678, used, protected=True), Entry("damaged/" + "b" * 16, 500_000_000, 0.0)]
    assert store_table(entries).splitlines() == [
        f"{'a' * 16}          12.3 MB  2026-01-02 03:04  pinned",
        f"damaged/{'b' * 16}   500 MB  damaged",
    ]


def test_uneven_classes_add_the_balanced_accuracy() -> None:
    clean, poisoned, defended = (
        Score(accuracy, [large, small], [[19, 0], [0, 1]])
        for accuracy, large, small in ((1.0, 1.0, 1.0), (0.95, 1.0, 0.0), (0.9, 0.9, 0.5))
    )
    both = DefenceVerdict(clean, poisoned, defended, 0.615, (step("loss", 9, 0.75),), step("", 12, None))
    lines = [line.split() for line in defences_table([both]).splitlines()]
    assert lines[0][-2:] == ["random", "balanced"]
    assert lines[1][-3:] == ["90.0%", "61.5%", "70.0%"]
    assert " ".join(lines[-1]) == "balanced accuracy, as classes are uneven: clean 100.0%, poisoned 50.0%"
