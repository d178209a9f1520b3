"""The parts of slides as HTML; all text is escaped here, and sizes are in a unit that grows with the screen."""

import base64
from collections.abc import Sequence
from html import escape

from core.presentation.figures import CLEAN, POISONED, image_row
from core.presentation.story import ClassChange
from core.system.arrays import Array
from core.system.numbers import fixed

TILE_PIXELS, GAP = 224, 4
WIDEST = 70.0
"""Of a bar in percent of its row, so that its number has room."""


def short(value: float) -> str:
    """A number of every 100, with one digit where it counts."""
    return fixed(value).removesuffix(".0")


def big(number: str, words: str) -> str:
    """One number that can be read from the back of a room, and what it counts."""
    return f'<div class="big">{escape(number)}</div><div class="counts">{escape(words)}</div>'


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def columns(left: str, right: str, weights: str = "1fr 1fr") -> str:
    """Two parts beside each other, on a phone below each other."""
    return f'<div class="columns" style="--weights:{weights}"><div>{left}</div><div>{right}</div></div>'


def picture(content: bytes, alt: str, kind: str = "png", css: str = "fill") -> str:
    """A picture in the page itself."""
    data = base64.b64encode(content).decode()
    mime = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    return f'<img class="{css}" alt="{escape(alt)}" src="data:{mime};base64,{data}">'


def gallery(title: str, tiles: Sequence[tuple[Sequence[Array], str, str]]) -> str:
    """Images in a row with their names; on a phone the row wraps.

    Args:
        title: above them.
        tiles: of each the images (C, H, W) uint8 side by side, the words below, and what they show.
    """
    cells = "".join(
        f"<figure>{picture(image_row(images, TILE_PIXELS, gap=GAP if len(images) > 1 else 0), alt, css='tile')}"
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for images, words, alt in tiles
    )
    if not tiles:
        return ""
    wide = max(len(images) for images, *_ in tiles)
    return f'<div class="row"><h2>{escape(title)}</h2><div class="tiles" style="--wide:{wide}">{cells}</div></div>'


def bars(rows: Sequence[tuple[str, Sequence[tuple[str, str, float]]]], title: str) -> str:
    """Horizontal bars; colour is never the only cue: each has its words.

    Args:
        rows: a name, and its bars: words, a colour, and a length, of which the largest is as wide as fits.
        title: what is counted.
    """
    most = max([1e-9, *(value for _, parts in rows for *_, value in parts)])
    lines = []
    for name, parts in rows:
        cells = "".join(
            f'<div class="line"><span class="bar" style="width:{round(WIDEST * value / most, 2)}%;background:{colour}">'
            f"</span><b>{short(value)}</b>&nbsp;<small>{escape(words)}</small></div>"
            for words, colour, value in parts
        )
        lines.append(f'<div class="name">{escape(name)}</div><div>{cells}</div>')
    return f'<div class="bars-part"><h2>{escape(title)}</h2><div class="bars">{"".join(lines)}</div></div>'


def cost_bars(changes: Sequence[ClassChange]) -> str:
    """Wrong images of every 100 without and with the slipped-in ones; the first row on top."""
    rows = [
        (change.name, [("without", CLEAN, 100 - change.before), ("with them", POISONED, 100 - change.after)])
        for change in changes
    ]
    return bars(rows, "Wrong, of every 100 test images")


def card(head: str, words: str) -> str:
    """A heading and a sentence in a frame."""
    return f'<div class="card"><h2>{escape(head)}</h2><p>{escape(words)}</p></div>'


def points(title: str, items: Sequence[str]) -> str:
    """A list in a frame."""
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<div class="card"><h2>{escape(title)}</h2><ul>{lines}</ul></div>'
