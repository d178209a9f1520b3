"""Tables as Markdown and as plain text for the terminal, and the text of measurements in their cells."""

import statistics
from collections.abc import Sequence

from core.system.numbers import fixed

Cells = Sequence[str]
_RULES = {"l": "---", "r": "---:"}


def markdown_table(header: Cells, rows: Sequence[Cells], align: str = "") -> str:
    """A table as Markdown.

    Args:
        header: names of the columns.
        rows: cells, the same number in each row.
        align: "l" or "r" for each column; by default, all but the first are right-aligned.

    Raises:
        ValueError: a row or `align` has a different number of columns.
    """
    align = _alignment(align, len(header))
    lines = [header, [_RULES[side] for side in align], *rows]
    _check(lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text_table(rows: Sequence[Cells], *, header: Cells | None = None, align: str = "", indent: int = 0) -> str:
    """A table for the terminal: aligned columns, separated by two spaces; "" without rows.

    Args:
        rows: cells, the same number in each row.
        header: names of the columns, as the first line.
        align: see `markdown_table`.
        indent: spaces before each line.

    Raises:
        ValueError: a row or `align` has a different number of columns.
    """
    lines = [*([] if header is None else [header]), *rows]
    if not lines:
        return ""
    align = _alignment(align, len(lines[0]))
    _check(lines)
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = []
    for line in lines:
        cells = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ]
        texts.append((" " * indent + "  ".join(cells)).rstrip())
    return "\n".join(texts)


def plus_minus(mean: float, margin: float | None) -> str:
    """A mean and its margin of error to one decimal: 12.3 ± 0.5; without a margin, the mean alone."""
    return fixed(mean) if margin is None else f"{fixed(mean)} ± {fixed(margin)}"


def mean_and_deviation(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation to one decimal; "" without values."""
    if not values:
        return ""
    return plus_minus(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None)


def _alignment(align: str, columns: int) -> str:
    align = align or "l" + "r" * (columns - 1)
    if len(align) != columns or not set(align) <= _RULES.keys():
        raise ValueError(f"align is {align!r}; allowed: l or r for each of the {columns} columns.")
    return align


def _check(lines: Sequence[Cells]) -> None:
    columns = len(lines[0])
    for line in lines:
        if len(line) != columns:
            raise ValueError(f"A row has {len(line)} cells, the first line of its table {columns}: {list(line)}.")
