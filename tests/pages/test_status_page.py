"""The page for whoever looks after a server: its numbers, and that it starts nothing by itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from core.serving import engine as engine_module
from core.serving.status import EngineStatus
from core.storage.runs import Store
from tests.apps import drawn, opened, own_store, shown_text
from tests.serving.test_metrics import FakeEngine


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(engine_module, "_engine", None)
    st.cache_data.clear()
    yield own_store(tmp_path, monkeypatch)
    st.cache_data.clear()


def test_without_an_engine_the_disk_is_told_and_none_is_started(store: Store) -> None:
    store.put(drawn())
    app = opened("status.py")
    words = shown_text(app)
    assert "The engine is not running" in words
    assert "1 run." in words
    assert "| Server |" in words
    assert not app.metric


def test_queue_outcomes_and_workers_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(drawn())
    store.pin(run.hash)
    monkeypatch.setattr(engine_module, "_engine", FakeEngine(store))
    app = opened("status.py")
    assert {metric.label: metric.value for metric in app.metric} == {
        **{"Running": "1", "Waiting": "3", "Expected wait": "about 15 s", "Workers": "2 of 2"},
        **{"Done": "5", "Failed": "1", "Cancelled": "0", "Refused": "2"},
    }
    words = shown_text(app)
    assert "1 of them pinned" in words
    assert "| Worker 1 | 0.0 MB | 0.0 MB of 0.0 MB |" in words
    assert "| Worker 2 | 0.0 MB | — |" in words
    assert run.hash not in words
    assert not app.warning


def test_a_cluster_without_workers_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deserted(FakeEngine):
        def status(self) -> EngineStatus:
            return replace(super().status(), slots=0, workers=())

    monkeypatch.setattr(engine_module, "_engine", Deserted(store))
    assert [warning.value for warning in opened("status.py").warning] == [
        "No worker is available yet: runs wait until one connects."
    ]


def test_a_limit_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "1")
    assert "POISON_LAB_STORE_MEGABYTES is '1'; allowed" in shown_text(opened("status.py"))
