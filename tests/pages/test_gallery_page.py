"""The gallery: what ships is filtered and ordered, cards say what is special, and the link tells what was chosen."""

from pathlib import Path

import pytest

from core.storage import gallery
from core.storage.runs import Store
from pages import _gallery_facets
from tests.apps import opened, own_store, query, shown_text
from tests.drawn import drawn_result


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return own_store(tmp_path, monkeypatch)


def test_gallery_is_filtered_and_ordered(store: Store) -> None:
    entries = {entry.title: entry for entry in gallery.entries()}
    titles = (
        "Frank–Wolfe in pixel space, nothing mislabelled",
        "Images, 1 %",
        "TGDA in feature space: the baseline for images",
    )
    drops = dict(zip((entries[title] for title in titles), (0.5, 0.1, 0.8), strict=True))
    for entry, poisoned in drops.items():
        store.put(drawn_result(entry.spec, clean=0.8, poisoned=poisoned))
    app = opened("gallery.py")

    def shown() -> list[str]:
        return [str(button.key).removeprefix("open-") for button in app.button if str(button.key).startswith("open-")]

    first, small, features = (entry.spec.hash for entry in drops)
    assert shown() == [first, features, small]
    text = shown_text(app)
    assert "3 of 3 experiments." in text
    assert "The lab's default" in text
    assert "Unlike the default: Feature-targeted, matched images, budget 1 %" in text
    app.button_group(key="gallery-order").set_value("damage").run()
    assert shown() == [small, first, features]
    app.button_group(key="gallery-makes").set_value(["images"]).run()
    assert shown() == [small, first]
    assert {key: text for key, text in query(app).items() if key != "defaults"} == {
        "makes": "images",
        "order": "damage",
    }
    app.button_group(key="gallery-poisoned").set_value(["1"]).run()
    assert shown() == [small]
    assert query(app)["poisoned"] == "1"
    app.button_group(key="gallery-effect").set_value(["none"]).run()
    assert shown() == []


def test_every_experiment_but_the_default_says_what_is_special() -> None:
    first, *others = (entry.spec for entry in gallery.entries())
    assert _gallery_facets.special(first, first) == "The lab's default: all others are beside this one."
    lines = [_gallery_facets.special(spec, first) for spec in others]
    assert all(line.startswith("Unlike the default: ") for line in lines)
    assert len(set(lines)) >= len(lines) - 2  # few differ only in a parameter that the line leaves out
