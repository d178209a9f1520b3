"""Two audits beside each other: the one of the sidebar's pipeline, and another that was made here."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.audit import folder as folders
from core.audit.comparison import compare
from core.spec.experiment import parse_spec
from core.system.errors import PoisonLabError
from core.system.numbers import counted, digits
from pages import _runs
from pages._words import plain


def card(folder: Path, content: dict[str, Any]) -> None:
    """A choice of other audits, and what both measured, line by line; nothing where there is no other.

    Args:
        folder: of the audit that is shown.
        content: of its audit.json.
    """
    others = {other.name: read for other in folders.finished() if other != folder and (read := readable(other))}
    if not others:
        return
    st.subheader("Beside another audit")
    name = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        format_func=lambda key: title(others[key]),
        placeholder="Another audit",
        key="audit-compare",
        help="Audits that were made here: of another extractor, or of data that a defence has filtered.",
    )
    if name is None:
        return
    try:
        lines = compare(content, others[name])
    except PoisonLabError as error:
        st.warning(str(error), icon=":material/compare_arrows:")
        return
    st.dataframe(
        [{"": label, "This audit": mine, "The other": other} for label, mine, other in lines],
        key="audit-lines",
        hide_index=True,
        alt="What both audits measured",
    )


def readable(folder: Path) -> dict[str, Any] | None:
    """The content of an audit; None where it is damaged, or of data that are not this person's."""
    try:
        content = folders.read_report(folder)
        return content if _runs.may_see(parse_spec(content["spec"], stored=True)) else None
    except (PoisonLabError, KeyError):
        return None


def title(content: dict[str, Any]) -> str:
    """An audit in a list."""
    points = counted(content["n_train"], "training point")
    return plain(f"{', '.join(content['subject'])}, {points}, λ = {digits(content['ridge'])}")
