"""Text as a page needs it: without effect as Markdown. No Streamlit here."""

import re


def plain(text: str) -> str:
    """Untrusted text, escaped so that it has no effect as Markdown."""
    return re.sub(r"([\\`*_\[\]#:$<>|~])", r"\\\1", text)
