"""Numbers as a person writes them: counts with their nouns, shares, chances, durations.

Every function has an answer for every number: one without a value (None, NaN) is a dash, and zero has no sign.
"""

import math
from decimal import Decimal

DASH = "—"
"""Stands for a number that there is not."""
MOST_DECIMALS = 3
"""Decimals of a percentage that one decimal would round to 0 or 100."""
_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""What an estimate is rounded to, times a power of ten."""
_NAMED = {30.0: "half a minute", 60.0: "a minute", 3600.0: "an hour"}
"""Round durations that have a name."""


def fixed(value: float | None, decimals: int = 1, *, sign: bool = False) -> str:
    """A number with so many decimals and thousands separators.

    Args:
        value: the number; None and NaN are a dash.
        decimals: digits after the point.
        sign: whether a plus stands before a positive number.
    """
    if value is None or not math.isfinite(value):
        return DASH
    rounded = round(value, decimals) + 0.0  # no minus before a zero
    return f"{rounded:{'+' if sign and rounded else ''},.{decimals}f}"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of 1 in percent: 0.683 is 68.3 %.

    What is neither nothing nor all gets more decimals, at most `MOST_DECIMALS`, until it does not look like it: 0.9996
    is 99.96 %.

    Args:
        share: the share; None and NaN are a dash.
        decimals: digits after the point, unless it needs more.
    """
    if share is None or not math.isfinite(share):
        return DASH
    value = 100 * share
    for digits_after in range(decimals, MOST_DECIMALS + 1):
        rounded = round(value, digits_after)
        if (rounded or not value) and (rounded != 100 or value == 100):
            return f"{fixed(value, digits_after)} %"
    least = 10.0**-MOST_DECIMALS
    if 0 < value < 100:
        return f"less than {digits(least)} %" if value < 1 else f"more than {digits(100 - least)} %"
    return f"{fixed(value)} %"


def chance(p: float | None) -> str:
    """A probability in percent, to the digits that count: 0.8 is 80 %, 0.0312 is 3 %, 1e-9 is less than 0.01 %."""
    if p is None or not math.isfinite(p):
        return DASH
    value = 100 * p
    if 0 < value < 0.01:
        return "less than 0.01 %"
    if 99 < value < 100:
        return "more than 99 %"
    if value < 1:
        return f"{digits(value, 1)} %"
    return f"{round(value)} %"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: 1 poisoned image, 1,234 poisoned images.

    Args:
        count: how many.
        noun: for one.
        plural: for any other count; by default the noun with an s.
    """
    return f"{count:,} {named(count, noun, plural)}"


def named(count: int, noun: str, plural: str = "") -> str:
    """A noun, or another word, in the number of its count: image for 1, images for any other.

    Args:
        count: how many.
        noun: for one.
        plural: for any other count; by default the noun with an s.
    """
    return noun if count == 1 else plural or f"{noun}s"


def digits(value: float | None, most: int = 6) -> str:
    """A number, rounded to so many digits that count, and never with an exponent: 1,234 to two digits is 1,200.

    Args:
        value: the number; None and NaN are a dash.
        most: digits; zeros at the end are left out.
    """
    if value is None or not math.isfinite(value):
        return DASH
    return f"{Decimal(f'{value:.{most}g}') + 0:,f}"


def rounded(value: float, most: int = 6) -> float:
    """A number without what floating point has added to it: 0.1 · 3 is 0.3.

    Args:
        value: the number.
        most: digits that count.
    """
    return float(f"{value:.{most}g}")


def duration(seconds: float | None) -> str:
    """A duration that was measured: 7 s, 35 s, 4 min, 2.5 h."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    seconds = max(0.0, seconds)
    if seconds < 99.5:
        return f"{round(seconds)} s"
    if seconds < 5370:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 99.5 * 3600 else f"{round(seconds / 86400)} days"


def about(seconds: float | None) -> str:
    """A duration that was estimated, no more exact than an estimate is: a few seconds, about half a minute."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 5:
        return "a few seconds"
    rounded = _rounded(seconds, 1.0) if seconds < 55 else _rounded(seconds, 60.0)
    if rounded >= 3300:
        rounded = _rounded(seconds, 3600.0)
    return f"about {_NAMED.get(rounded) or _amount(rounded)}"


def _amount(seconds: float) -> str:
    """A rounded duration in its largest unit."""
    if seconds < 60:
        return f"{digits(seconds)} s"
    return f"{digits(seconds / 60)} min" if seconds < 3600 else f"{digits(seconds / 3600)} h"


def _rounded(seconds: float, unit: float) -> float:
    """The nearest of `_STEPS` by ratio, in a unit of so many seconds; never less than one unit."""
    value = max(seconds / unit, 1.0)
    power = 10.0 ** math.floor(math.log10(value))
    return unit * power * min(_STEPS, key=lambda step: abs(math.log(value / power / step)))
