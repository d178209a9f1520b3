"""What images can do with a stored run's budget: measured once, kept, found again."""

from pathlib import Path

import pytest

from core.experiments.image_reach import ImageReach, NearDrop
from core.presentation.captions import image_reach_caption
from core.presentation.figures.image_reach import image_reach_bars, image_reach_figure
from core.storage import reached
from core.storage.runs import Store
from core.system.errors import SpecError, StoreError
from tests.apps import drawn

REACH = ImageReach(12.1, (NearDrop(0.1, 0.09, 6.6), NearDrop(0.25, 0.22, 7.4), NearDrop(0.5, 0.4, 8.6)), 5.7)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return Store(tmp_path / "results", shipped=None)


def test_a_run_is_measured_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(drawn("noise"))
    assert reached.find(run.hash) is None
    monkeypatch.setattr(reached, "image_reach", lambda spec, poison: REACH if len(poison["x"]) else None)
    assert reached.measure(str(store.root), run.hash) == REACH
    monkeypatch.setattr(reached, "measure_run", lambda *_: pytest.fail("measured twice"))
    assert reached.measure(str(store.root), run.hash) == REACH
    assert reached.find(run.hash) == REACH


def test_features_and_missing_runs_are_refused(store: Store) -> None:
    run = store.put(drawn("tgda-feature"))
    with pytest.raises(SpecError, match="makes features only"):
        reached.measure(str(store.root), run.hash)
    with pytest.raises(StoreError, match="isn't stored"):
        reached.measure(str(store.root), "0" * 16)


def test_the_caption_and_the_bars_say_the_numbers() -> None:
    assert image_reach_caption(REACH).replace("**", "") == (
        "Poisoned features in the range of the clean ones cost 12.1 points, features within 25 % of some image's 7.4, "
        "the images of this run 5.7. That is 47 % of the first and 77 % of the second."
    )
    assert "That is" not in image_reach_caption(ImageReach(0.0, REACH.near, 0.0))
    assert list(image_reach_bars(REACH).values()) == [12.1, 8.6, 7.4, 6.6, 5.7]
    assert list(image_reach_figure(REACH).data[0].text) == ["12.1", "8.6", "7.4", "6.6", "5.7"]
