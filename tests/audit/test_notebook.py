"""The notebook in examples/ runs from top to bottom, with an audit that is cut short."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.audit import audit
from core.system.paths import ROOT


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads((ROOT / "examples" / "library.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 3
    monkeypatch.chdir(tmp_path)
    conduct = audit.conduct
    monkeypatch.setattr(audit, "conduct", lambda plan, folder, minutes: conduct(plan, folder, minutes=0))
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, "library.ipynb", "exec"), names)
    assert names["result"].poisoned.accuracy < names["result"].clean.accuracy
    assert names["figure"].data
    assert names["audit"]["measured"] == 1
    assert (tmp_path / "audit" / "audit.html").exists()
