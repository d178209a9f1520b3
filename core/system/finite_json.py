"""JSON as its standard has it: the one writer of the project, which writes `null` for NaN and infinities.

Python would write NaN and Infinity, which other readers refuse. `null` stands for a number that does not exist:

    per_class       accuracy of a class without test images, in results of earlier versions
    balanced        mean of the above
    auc             area under the ROC curve, where poison or clean points are missing
    curve, notes    a value that was not finite at that step, or that a plug-in reports as not finite
    inversion_gap, stage2, target, tau, tau_ridge, certificate     the attack has no such thing
    any other       the computation gave no finite number
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


def dumps(
    value: Any,
    *,
    indent: int | None = None,
    sort_keys: bool = False,
    ensure_ascii: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """A value as JSON, with `null` for each number that is not finite.

    Args:
        value: anything that `json.dumps` takes.
        indent, sort_keys, ensure_ascii, default: as for `json.dumps`.

    Raises:
        TypeError: a part of it can't be represented, and there is no default.
        RecursionError: the value contains itself.
    """
    return json.dumps(
        _finite(value),
        allow_nan=False,
        indent=indent,
        sort_keys=sort_keys,
        ensure_ascii=ensure_ascii,
        default=None if default is None else lambda part: _finite(default(part)),
    )


def number(value: float | None) -> float:
    """A number that was read: NaN for `null`."""
    return math.nan if value is None else value


def _finite(value: Any) -> Any:
    """The same, with None for each float that is not finite, as a value or in mappings, lists and tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
