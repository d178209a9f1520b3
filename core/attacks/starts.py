"""Starts of an attack that tries several: their names, and the notes that say which was kept. Without torch."""

from core.spec.experiment import LabelRule

STARTS = {
    "matched": "matched images",
    "frank-wolfe": "Frank–Wolfe",
    "real": "real images",
}
"""The starts by the words that people read."""
RULES: tuple[LabelRule, ...] = ("clean", "adversarial", "chosen")
"""The label rules that are tried where the attacker may choose labels."""
TRIED, KEPT = "train_accuracy_of:", "train_accuracy_kept:"
"""Beginnings of the notes with the accuracy on the training set under a start: after its first
cycle, and under the one that was kept at its end."""


def note_of(kind: str, start: str, rule: str | None) -> str:
    """The name of a note.

    Args:
        kind: `TRIED` or `KEPT`.
        start: a key of `STARTS`.
        rule: the label rule, where several are tried.
    """
    return kind + ":".join(filter(None, (start, rule)))


def parse_note(name: str) -> tuple[str, str, str | None] | None:
    """Kind, start and label rule of a note by `note_of`; None for any other note."""
    for kind in (TRIED, KEPT):
        if name.startswith(kind):
            start, _, rule = name.removeprefix(kind).partition(":")
            return kind, start, rule or None
    return None


def field_sizes(n: int, cycles: int) -> list[int]:
    """How many of n candidates ascend in each cycle: all, half of them, and so on to one, which has `cycles` in all."""
    sizes = [n]
    while sizes[-1] > 1:
        sizes.append(sizes[-1] // 2)
    return sizes + [1] * (cycles - len(sizes))
