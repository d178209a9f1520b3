"""The page of defences: what is judged is shown, what is not is asked for, and the link tells all of it."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.certificates import PARTITIONS
from core.defences.chain import parse_chain
from core.defences.registry import RECORDS as DEFENCES
from core.experiments.result import Result
from core.heads.scores import Score
from core.presentation.by_class import by_class
from core.serving import engine as engine_module
from core.serving.status import State
from core.storage import certified, defended
from core.storage.runs import Store
from core.system.numbers import percent
from pages import _defences, _defend_each, _defend_figures, _runs
from tests.apps import Tasks, drawn, opened, own_store, query, rerun, shown_text, unfolded
from tests.storage.test_defended import separable

HASH = separable().spec.hash


@pytest.fixture
def engine() -> Tasks:
    return Tasks()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Tasks) -> Store:
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    store.put(separable())
    return store


def test_what_is_not_judged_yet_is_asked_for_and_then_shown(engine: Tasks) -> None:
    app = opened("defend.py", run=HASH, **{"with": "loss", "share": "10"})
    assert engine.asked == ["judge loss:share=0.1"]
    assert "A worker is filtering the training set" in shown_text(app)
    rerun(app)
    assert engine.asked == ["judge loss:share=0.1"]
    found = defended.find(HASH, parse_chain(["loss:share=0.1"]))
    assert found is not None
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Poison detected"] == f"{found.whole.poison_removed} of 10"
    assert metrics["Test accuracy"] == f"{100 * found.defended.accuracy:.1f} %"
    assert [chart.key for chart in app.get("plotly_chart")] == ["defend-bars", "defend-each-bars"]
    (element,) = app.get("bidi_component")
    assert element.proto.component_name == "poison-lab.map"
    whole = found.whole
    counts = {"detected": whole.poison_removed, "missed": 10 - whole.poison_removed, "wrong": whole.clean_lost}
    told = ", ".join(f"{counts[group]} {words.lower()}" for group, words in _defend_figures.GROUPS.items())
    assert json.loads(element.proto.json)["options"]["alt"] == f"Map: {told}"
    rows = by_class(found, separable().summary().classes)
    text = shown_text(app)
    assert "| Class | Clean | Poisoned | Defended | By the filter |" in text
    for row in rows:
        assert f"| {row.name} | {percent(row.clean)} | {percent(row.poisoned)} | {percent(row.defended)} |" in text


def test_a_chain_is_told_link_by_link() -> None:
    app = rerun(opened("defend.py", run=HASH, **{"with": "sphere,loss"}))
    text = shown_text(app)
    assert "| Sphere | " in text
    assert "| Loss | " in text
    assert text.index("**Sphere**") < text.index("**Loss**")


def test_controls_move_the_link() -> None:
    app = rerun(opened("defend.py", run=HASH))
    assert query(app) == {"run": HASH}
    rerun(app.button_group(key="defend-with").set_value(["trim", "range"]))
    rerun(app.select_slider(key="defend-share").set_value(10))
    assert query(app) == {"run": HASH, "with": "range,trim", "share": "10"}
    app.query_params["with"] = "slab"  # back in the browser
    rerun(app)
    assert app.button_group(key="defend-with").value == ["slab"]


def test_a_link_is_followed_again_after_another_page() -> None:
    link = {"run": HASH, "with": "loss", "share": "10"}
    app = rerun(opened("defend.py", **link))
    app.switch_page("compare.py").run()
    for key, value in link.items():
        app.query_params[key] = value
    app = rerun(app.switch_page("defend.py"))
    assert app.button_group(key="defend-with").value == ["loss"]
    assert app.select_slider(key="defend-share").value == 10


def test_no_defence_is_a_choice_too() -> None:
    app = rerun(opened("defend.py", run=HASH, **{"with": ""}))
    assert "No defence is selected" in shown_text(app)


def test_bad_links_are_told() -> None:
    app = opened("defend.py", run=HASH, **{"with": "loss,wall", "share": "7"})
    assert f"`with` is `loss,wall`; allowed: some of {', '.join(DEFENCES)}. Using sphere" in shown_text(app)
    assert "`share` is `7`; allowed: 1, 2, 3, 5, 10, 15, 20. Using 5 instead." in shown_text(app)
    assert app.button_group(key="defend-with").value == ["sphere"]
    assert app.select_slider(key="defend-share").value == 5


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ((0.80, 0.70, 0.75), "costs 10.0 points; the defences recover **5.0** of them"),
        ((0.80, 0.70, 0.70), "costs 10.0 points; the defences recover **none** of them"),
        ((0.80, 0.70, 0.70 - 1e-9), "costs 10.0 points; the defences recover **none** of them"),
        ((0.80, 0.70, 0.68), "costs 10.0 points, and the defences cost **2.0 more**"),
        ((0.80, 0.70, 0.82), "recover **all** of them, and 2.0 more"),
        ((0.80, 0.80, 0.80), "costs nothing here, and the defences change nothing."),
        ((0.80, 0.82, 0.80), "costs nothing here, and the defences cost 2.0 points."),
        ((0.80, 0.81, 0.84), "costs nothing here, and the defences gain 3.0 points."),
    ],
)
def test_what_defences_recover_is_told(accuracies: tuple[float, float, float], words: str) -> None:
    clean, poisoned, after = (SimpleNamespace(accuracy=accuracy) for accuracy in accuracies)
    regained = 100 * (after.accuracy - poisoned.accuracy)
    told: Any = SimpleNamespace(clean=clean, poisoned=poisoned, defended=after, regained=regained, steps=["sphere"])
    assert words in _defences.sentence(told)


def test_images_of_each_group_are_shown() -> None:
    app = rerun(opened("defend.py", run=HASH, **{"with": "loss", "share": "10"}))
    found = defended.find(HASH, parse_chain(["loss:share=0.1"]))
    assert found is not None
    whole = found.whole
    counts = {"detected": whole.poison_removed, "missed": 10 - whole.poison_removed, "wrong": whole.clean_lost}
    for group, count in counts.items():
        rerun(app.button_group(key="defend-group").set_value(group))
        assert len(app.get("image")) == count


def test_every_defence_is_judged_by_itself(engine: Tasks) -> None:
    app = rerun(opened("defend.py", run=HASH, **{"with": "loss"}))
    rerun(app.button(key="defend-all").click())
    rerun(app)
    rerun(app)
    text = shown_text(app)
    for about in DEFENCES.values():
        assert f"| {about.title} | " in text
    assert len(engine.asked) == len(set(engine.asked)) == len(DEFENCES)


def test_defences_are_ranked_by_what_they_find() -> None:
    app = rerun(opened("defend.py", run=HASH, **{"with": "loss"}))
    rerun(app.button(key="defend-all").click())
    text = shown_text(rerun(rerun(app)))
    verdicts = {name: defended.find(HASH, parse_chain([name])) for name in DEFENCES}
    known = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    assert known.keys() == DEFENCES.keys()
    places = [text.index(f"| {DEFENCES[name].title} | ") for name in _defend_each.ranked(known)]
    assert places == sorted(places)
    (chart,) = (chart for chart in app.get("plotly_chart") if "poisoned images found" in chart.proto.spec)
    drawn_found, drawn_lost = json.loads(chart.proto.spec)["data"]
    best = max(known.values(), key=lambda verdict: verdict.whole.recall).whole
    assert drawn_found["text"][0] == f"{best.poison_removed} of 10"
    assert [float(text.split(" ")[0]) for text in drawn_found["text"]] == sorted(
        (verdict.whole.poison_removed for verdict in known.values()), reverse=True
    )
    assert [text.split(" of ")[0] for text in drawn_lost["text"]] == [
        f"{known[name].whole.clean_lost:,}" for name in _defend_each.ranked(known)
    ]


def test_trouble_is_told(engine: Tasks) -> None:
    engine.works, engine.error = False, "The worker process died or was lost; ask again."
    assert "died or was lost" in shown_text(opened("defend.py", run=HASH))


@pytest.fixture
def shipped(store: Store) -> Result:
    """A run that ships without features and images, as attacks on features do, and is not in the store."""
    shutil.rmtree(store.root / HASH)
    result = separable()
    result = replace(result, poison=replace(result.poison, x=None))
    run = Store(_runs.GALLERY, shipped=None).put(result)
    (run.folder / "features.npz").unlink()
    return result


def test_a_run_without_features_is_computed_again_first(engine: Tasks, store: Store, shipped: Result) -> None:
    """As a run, once, for whatever the page asks: it takes its turn, and its progress is shown."""
    app = opened("defend.py", run=HASH)
    rerun(app.button(key="defend-all").click())
    rerun(app.button(key="certify-ask").click())
    assert engine.asked == ["run"]
    before = "This run ships without its features and is computed again first: Optimising poisoned features"
    assert before in shown_text(app)
    store.put(shipped)
    engine.again = replace(engine.again, state="done")
    rerun(app)
    assert engine.asked[:2] == ["run", "judge sphere"]
    assert {task.split(":")[0] for task in engine.asked[1:]} == {
        f"certify {PARTITIONS}",
        *(f"judge {name}" for name in DEFENCES),
    }
    assert before not in shown_text(app)


def test_a_run_without_features_that_has_images_is_defended_at_once(engine: Tasks, store: Store) -> None:
    shutil.rmtree(store.root / HASH)
    run = Store(_runs.GALLERY, shipped=None).put(separable())
    (run.folder / "features.npz").unlink()
    opened("defend.py", run=HASH)
    assert engine.asked == ["judge sphere"]


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("failed", "The worker process died.", "The worker process died."),
        ("cancelled", None, "ended without them (cancelled)"),
        ("done", None, "ended without them (done)"),
    ],
)
def test_features_that_do_not_come_are_told(engine: Tasks, state: State, error: str | None, words: str) -> None:
    engine.again = replace(engine.again, state=state, error=error)
    app = opened("defend.py", run=HASH)
    assert words in shown_text(app)
    engine.again = replace(engine.again, state="running", error=None)
    rerun(app.button(key="defend-again").click())
    assert engine.asked == ["run", "run"], "it is asked for again"
    assert words not in shown_text(app)


def certifying(partitions: int = 25) -> AppTest:
    """The page once its button has been pressed, drawn as often as it asks to be."""
    app = rerun(opened("defend.py", run=HASH))
    rerun(app.button_group(key="defend-heads").set_value(partitions))
    rerun(app.button(key="certify-ask").click())
    return rerun(app)


def test_nothing_is_certified_before_someone_asks(engine: Tasks) -> None:
    app = rerun(opened("defend.py", run=HASH))
    assert "Certified accuracy" in [one.value for one in app.subheader]
    assert engine.asked == ["judge sphere"]
    assert "Under this attack, with" not in shown_text(app)


def test_what_is_certain_is_shown_beside_what_attacks_have_done(engine: Tasks) -> None:
    app = certifying()
    assert engine.asked == ["judge sphere", "certify 25"]
    found = certified.find(HASH, 25)
    assert found is not None
    added = found.added
    assert f"Under this attack, with 10 points added, the ensemble reaches {percent(added.attacked)}" in shown_text(app)
    assert "certify-ask" not in [one.key for one in app.button]
    judged, certificates = ["defend-bars", "defend-each-bars"], ["certify-added", "certify-flipped"]
    assert [chart.key for chart in app.get("plotly_chart")] == judged + certificates
    assert [part.proto.component_name for part in app.get("bidi_component")] == ["poison-lab.map"]
    bad = app.slider(key="defend-bad")
    assert (bad.min, bad.max, bad.value) == (0, len(added.certified) - 1, min(10, len(added.certified) - 1))
    for points in (0, 1, int(bad.max)):
        rerun(bad.set_value(points))
        metrics = {metric.label: metric.value for metric in app.metric}
        s = "" if points == 1 else "s"
        assert metrics[f"Guaranteed accuracy with {points} image{s} added"] == percent(added.at(points))
        assert metrics[f"Guaranteed accuracy with {points} label{s} flipped"] == percent(found.flipped.at(points))
        bad = app.slider(key="defend-bad")


def test_another_number_of_heads_is_another_certificate(engine: Tasks) -> None:
    app = certifying(25)
    rerun(app.button_group(key="defend-heads").set_value(50))
    assert "Under this attack, with" not in shown_text(app)
    rerun(app.button(key="certify-ask").click())
    assert engine.asked[-1] == "certify 50"


def test_what_can_not_be_certified_is_said(engine: Tasks) -> None:
    engine.works, engine.error = False, "The worker died."
    app = certifying()
    assert any("The worker died." in error.value for error in app.error)
    assert app.button(key="certify-again")


def test_attacks_on_other_data_are_not_beside_it(store: Store) -> None:
    shown = store.get(HASH)
    assert shown is not None
    one = separable()
    near, far = (
        Result(**{**vars(one), "spec": one.spec.model_copy(update=update)})
        for update in ({"budget": 0.2}, {"ridge": 0.5, "budget": 0.2})
    )
    for result in (near, far):
        store.put(result)

    def page() -> None:
        import streamlit as st

        from pages import _certificates, _runs

        st.write(str(_certificates.attacks(_runs.find(st.query_params["run"]))))

    app = AppTest.from_function(page)
    app.query_params["run"] = HASH
    runs, here = ast.literal_eval(app.run().markdown[0].value)
    assert runs[0][0] == "No poison"
    assert len(runs) == 3
    assert runs[here][1] == shown.summary.n_poison


def test_a_defence_that_the_attacker_expects_is_told(store: Store, engine: Tasks) -> None:
    engine.works = False
    result = separable()
    result = replace(result, spec=result.spec.model_copy(update={"evade": "slab"}), notes={"evaded": 0.75})
    store.put(result)
    told = "Slab. Fitted by the attacker, to clean data alone, it lets 75 % of the poisoned samples pass."
    assert told in shown_text(opened("defend.py", run=result.spec.hash))
    assert "Defence to evade" not in shown_text(opened("defend.py", run=HASH))


def uneven(result: Result) -> Result:
    """The same run, with two test images of each class but the first, which has all others."""
    rows = np.concatenate([np.flatnonzero(result.features["test_y"] == label)[:2] for label in range(1, 10)])
    rest = np.flatnonzero(result.features["test_y"] == 0)
    rows = np.concatenate([rows, np.tile(rest, 7)[:32]])
    features = {**result.features, "test_z": result.features["test_z"][rows], "test_y": result.features["test_y"][rows]}
    confusion = np.diag([32] + [2] * 9)
    confusion[1] = [2] + [0] * 9
    clean = Score(0.96, [1.0, 0.0] + [1.0] * 8, confusion.tolist())
    return replace(result, features=features, clean=clean, poisoned=clean)


def test_balanced_accuracy_stands_beside_accuracy_where_classes_are_uneven(store: Store) -> None:
    assert "uneven" not in shown_text(rerun(opened("defend.py", run=HASH, **{"with": "loss"})))
    run = store.put(uneven(separable(drawn("noise"))))
    app = rerun(opened("defend.py", run=run.hash, **{"with": "loss"}))
    found = defended.find(run.hash, parse_chain(["loss"]))
    assert found is not None
    text = shown_text(app)
    assert "Classes are uneven: of 50 test images, from 64.0 % T-shirt/top to 4.0 % Ankle boot." in text
    assert f"Defended {100 * found.defended.balanced:.1f} %, Perfect filter {100 * found.clean.balanced:.1f} %." in text
    app.button(key="defend-all").click().run()
    assert "| Accuracy | Balanced accuracy |" in shown_text(rerun(app))


def test_the_lab_names_uneven_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path, monkeypatch).put(uneven(separable(drawn("noise"))))
    settings = {"attack": "noise", "budget": "10", "train": "100", "test": "50"}
    text = shown_text(unfolded(opened("lab.py", **settings), "how"))
    assert "Balanced accuracy, the mean of the accuracies of the classes: Clean 90.0 %, Poisoned 90.0 %." in text
    assert "uneven" not in shown_text(unfolded(opened("lab.py", **{**settings, "attack": "label-flip"}), "how"))


def test_the_map_marks_what_was_found_missed_and_wrongly_removed() -> None:
    plot = drawn().plot
    n = plot.n_clean
    rows = {"detected": [n], "missed": [n + 1, n + 2], "wrong": [4]}
    scene = _defend_figures.map_scene(plot, [f"class {i}" for i in range(10)], rows)
    shapes = [scene.marks[i].shape for i in scene.mark]
    assert [shapes[row] for row in (4, n, n + 1, n + 2)] == ["cross", "open", "diamond", "diamond"]
    assert shapes.count("dot") == len(scene.xy) - 4


def test_what_is_looked_at_is_in_the_link() -> None:
    link = {"run": HASH, "with": "loss", "share": "20"}
    app = rerun(opened("defend.py", **link))
    found = defended.find(HASH, parse_chain(["loss:share=0.2"]))
    assert found is not None
    usual = "missed" if found.whole.poison_removed < 10 else "detected"
    rerun(app.button_group(key="defend-group").set_value("wrong"))
    assert usual != "wrong"
    assert query(app) == {**link, "group": "wrong"}
    rerun(app.button_group(key="defend-heads").set_value(50))
    assert query(app) == {**link, "group": "wrong", "heads": "50"}
    again = rerun(opened("defend.py", **query(app)))
    assert again.button_group(key="defend-group").value == "wrong"
    assert again.button_group(key="defend-heads").value == 50
    assert len(again.get("image")) == found.whole.clean_lost
    assert f"/defend?run={HASH}&with=loss&share=20&group=wrong&heads=50" in again.get("code")[0].value


def test_how_many_bad_images_is_in_the_link(engine: Tasks) -> None:
    app = certifying()
    rerun(app.slider(key="defend-bad").set_value(1))
    assert query(app) == {"run": HASH, "heads": "25", "bad": "1"}
    again = rerun(opened("defend.py", **query(app)))
    assert again.slider(key="defend-bad").value == 1
