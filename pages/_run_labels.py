"""What a list of finished runs calls each of them: what tells it from its likes comes first."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from core.catalog.differences import differences, field_label, value_text
from core.storage.runs import RunRow
from core.system.numbers import fixed
from pages import _runs

COLUMNS = ("data", "extractor", "constraint", "label_rule", "seed")
"""Settings that the index of runs holds beside attack and budget."""
SAY_THEMSELVES = ("data", "extractor")
TAIL = ("data", "extractor", "seed")
"""What every label says in the end."""
MOST_READ = 12
"""Runs alike in all that the index holds whose files are read to find what differs."""


def labels(rows: Sequence[RunRow]) -> dict[str, str]:
    """Words for each run by its hash, in the order of the rows; no two are the same.

    A drop-down cuts long labels, so that attack and budget come first, then what differs from other runs of the same
    attack and budget.
    """
    alike: dict[tuple[str, float], list[RunRow]] = {}
    for row in rows:
        alike.setdefault((row.attack, row.budget), []).append(row)
    special = {name: words for group in alike.values() for name, words in _special(group).items()}
    words = {row.hash: _words(row, special[row.hash]) for row in rows}
    counts = Counter(words.values())
    return {name: f"{text} · {name[:6]}" if counts[text] > 1 else text for name, text in words.items()}


def _special(group: Sequence[RunRow]) -> dict[str, dict[str, str]]:
    """Of each run what differs from most of a group of the same attack and budget: words by field."""
    usual = {field: _usual([getattr(row, field) for row in group]) for field in COLUMNS}
    special = {
        row.hash: {
            field: field_words(field, value) for field in COLUMNS if (value := getattr(row, field)) != usual[field]
        }
        for row in group
    }
    same: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, words in special.items():
        same.setdefault(tuple(words.items()), []).append(name)
    for names in same.values():
        if 1 < len(names) <= MOST_READ:
            for name, words in _unlisted(names).items():
                special[name] |= words
    return special


def _usual(values: Sequence[object]) -> object:
    """The value of more than half; None where there is none."""
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else None


def _unlisted(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What differs between runs in settings that the index doesn't hold."""
    specs = {name: run.spec for name in names if (run := _runs.find(name)) is not None}
    special: dict[str, dict[str, str]] = {name: {} for name in specs}
    for field, values in differences(list(specs.values())):
        for name, value in zip(specs, values, strict=True):
            if value is not None:
                special[name][field] = field_words(field, value)
    return special


def field_words(field: str, value: object) -> str:
    """A setting and its value, such as "seed 7", or the value alone where it says which setting it is of.

    Args:
        field: a key of `core.catalog.differences.FIELD_LABELS`.
        value: of it.
    """
    text = value_text(field, value)
    return text if field in SAY_THEMSELVES else f"{field_label(field)} {text}"


def _words(row: RunRow, special: Mapping[str, str]) -> str:
    drop = 100 * (row.clean_accuracy - row.poisoned_accuracy)
    when = "shipped" if row.shipped else time.strftime("%d %b %H:%M", time.localtime(row.created))
    cost = f"{fixed(abs(drop))} points {'lost' if drop >= 0 else 'gained'}"
    head = [value_text("attack", row.attack), value_text("budget", row.budget)]
    tail = [field_words(field, getattr(row, field)) for field in TAIL if field not in special]
    return " · ".join([*head, *special.values(), cost, *tail, when])
