"""Every page says that a run of this browser is going, and leads back to it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.serving.status import JobStatus
from pages import _run_place, _runs
from tests.apps import opened, own_store, shown_text, small

RUNNING = JobStatus("running", 0, "stage2", 3, 10, 0.25, 0.0, 5.0, 15.0, [], None)


@pytest.mark.parametrize(("person", "is_said"), [("me", True), ("somebody else", False)])
def test_another_page_says_that_a_run_is_going(
    person: str, is_said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_store(tmp_path, monkeypatch)
    spec = small("noise")
    job = SimpleNamespace(id=spec.hash, spec=spec, people={person}, finished=False, status=lambda: RUNNING)
    monkeypatch.setattr(_run_place, "current", lambda: SimpleNamespace(jobs=lambda: [job]))
    monkeypatch.setattr(_runs, "person", lambda: "me")
    app = opened("compare.py")
    assert [bar.text for bar in app.progress] == (
        ["**A run is going**: Optimising poisoned features, step 3 of 10 · about 15 s left"] if is_said else []
    )
    links = {link.proto.label: link.proto for link in app.get("page_link")}
    assert ("Back to the run" in links) == is_said
    assert not is_said or "attack=noise" in str(links["Back to the run"])
    assert "Two finished runs are needed" in shown_text(app)
