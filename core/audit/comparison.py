"""Two audits beside each other: before and after a defence, or of two extractors."""

from collections.abc import Mapping
from typing import Any

from core.audit.words import critical_words
from core.system.errors import SpecError
from core.system.numbers import counted, digits, fixed

Line = tuple[str, str, str]
"""What is compared, and its value in each audit."""


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Line]:
    """What both audits measured, line by line.

    Args:
        first, second: contents of audit.json.

    Raises:
        SpecError: they have no attack in common.
    """
    mine = {attack["attack"]: attack for attack in first["attacks"]}
    other = {attack["attack"]: attack for attack in second["attacks"]}
    shared = [name for name in mine if name in other]
    if not shared:
        raise SpecError("These audits have no attack in common: there is nothing to compare.")
    accuracy, other_accuracy = (f"{fixed(100 * audit['clean'])} %" for audit in (first, second))
    lines: list[Line] = [
        ("Pipeline", ", ".join(first["subject"]), ", ".join(second["subject"])),
        ("Accuracy without poison", accuracy, other_accuracy),
    ]
    for name in shared:
        title, mine_at, other_at = mine[name]["title"], _by_budget(mine[name]), _by_budget(other[name])
        lines += [
            (f"{title}, {digits(100 * budget, 2)} %: points lost", _spread(mine_at[budget]), _spread(other_at[budget]))
            for budget in sorted(mine_at.keys() & other_at.keys())
        ]
        lines += [
            (f"{title}: {counted(round(a['points']), 'point')} lost from", critical_words(a), critical_words(b))
            for a, b in zip(mine[name]["critical"], other[name]["critical"], strict=True)
        ]
    others = {defence["name"]: defence for defence in second["defences"]}
    for defence in first["defences"]:
        for attack in shared:
            a = defence["attacks"].get(attack)
            b = others.get(defence["name"], {"attacks": {}})["attacks"].get(attack)
            if a and b:
                label = f"{defence['title']} against {mine[attack]['title']}: found, accuracy then"
                lines.append((label, _filtered(a), _filtered(b)))
    return lines


def _by_budget(attack: Mapping[str, Any]) -> dict[float, Mapping[str, Any]]:
    return {point["budget"]: point for point in attack["curve"]}


def _spread(point: Mapping[str, Any]) -> str:
    return f"{fixed(point['drop'])} ({fixed(point['low'])} to {fixed(point['high'])})"


def _filtered(found: Mapping[str, Any]) -> str:
    return f"{fixed(100 * found['recall'], 0)} %, {fixed(100 * found['accuracy'])} %"
