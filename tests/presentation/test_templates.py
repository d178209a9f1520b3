"""Templates escape what they show, and fail rather than leave a gap."""

from pathlib import Path

import jinja2
import pytest

from core.presentation.templates import template
from core.system import paths


def test_values_are_escaped_and_missing_ones_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html.j2").write_text("<p>{{ name }}</p>")
    monkeypatch.setattr(paths, "ASSETS", tmp_path)
    assert template("page.html.j2").render(name="<b>&") == "<p>&lt;b&gt;&amp;</p>"
    with pytest.raises(jinja2.UndefinedError):
        template("page.html.j2").render()
