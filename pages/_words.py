"""Text as a page needs it: without effect as Markdown, and no more exact than it should be. No Streamlit here."""

import re


def plain(text: str) -> str:
    """Untrusted text, escaped so that it has no effect as Markdown."""
    return re.sub(r"([\\`*_\[\]#:$<>|~])", r"\\\1", text)


def two_digits(value: float) -> str:
    """A positive number, rounded to two digits that count: 1,234 is 1,200."""
    return f"{float(f'{value:.2g}'):,.10g}"
