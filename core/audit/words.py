"""Budgets of an audit in words, for its report and for pages."""

from collections.abc import Mapping
from typing import Any

from core.system.numbers import digits, fixed


def percent_of(budget: float) -> str:
    """A budget for people."""
    return f"{digits(100 * budget, 2)} %"


def critical_words(found: Mapping[str, Any]) -> str:
    """A critical budget for people, with its interval."""
    if found["budget"] is None:
        return f"not reached below {percent_of(found['most'])}"
    low = percent_of(found["low"]) if found["low"] is not None else f"more than {percent_of(found['most'])}"
    high = percent_of(found["high"]) if found["high"] is not None else f"more than {percent_of(found['most'])}"
    return percent_of(found["budget"]) + ("" if low == high else f" ({low} to {high})")


def head_names(heads: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The heads of a report, each once: not every attack meets all of them.

    Args:
        heads: accuracies by attack and head.
    """
    return list(dict.fromkeys(name for found in heads.values() for name in found))


def left_of_damage(found: Mapping[str, float]) -> str:
    """Points lost on one head for people, and its accuracy without poison.

    Args:
        found: accuracies in [0, 1], "clean" and "poisoned".
    """
    return f"{fixed(100 * (found['clean'] - found['poisoned']))} of {fixed(100 * found['clean'])} %"


def class_words(name: str, *, begins: bool = False) -> str:
    """A class within a sentence: one that is only a number would read as a count.

    Args:
        name: of the class.
        begins: whether the sentence begins with it.
    """
    return f"{'Class' if begins else 'class'} {name}" if name.isdecimal() else name
