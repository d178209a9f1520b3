"""Every test of a page opens it anew, on a store of its own; what a figure of the same numbers looks like is known."""

import functools
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from core.presentation import figures

_drawn: dict[bytes, Any] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.pages)


def _once(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Draw what has the same arguments once for all tests: it depends on nothing else, and pages don't change it."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        key = hashlib.sha256(pickle.dumps((draw.__name__, args, kwargs))).digest()
        if key not in _drawn:
            _drawn[key] = draw(*args, **kwargs)
        return _drawn[key]

    return drawn


@pytest.fixture(autouse=True)
def _figures_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much of a page's time is Plotly's, and Streamlit's cache knows a figure by its store, not by its numbers."""
    for name, function in vars(figures).items():
        if isinstance(function, FunctionType) and not name.startswith("_"):
            monkeypatch.setattr(figures, name, _once(function))
