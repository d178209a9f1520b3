"""Runs side by side: the link and the pickers agree, what differs is said, what can't be compared is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.heads.scores import Score
from core.presentation.figures import CLEAN, POISONED
from core.spec.registry import ATTACKS
from core.storage.runs import Store
from pages import _compare_figures as pictures
from pages import _run_labels
from tests.apps import drawn, opened, own_store, query, rerun, shown_text, small

CLASSES = [f"class {i}" for i in range(10)]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Three runs: two on the same images, one on others."""
    store = own_store(tmp_path, monkeypatch)
    for result in (drawn(), drawn("noise", poisoned=0.5), drawn(seed=1)):
        store.put(result)
    return store


FLIP, NOISE, OTHER = small().hash, small("noise").hash, small(seed=1).hash


def test_a_link_shows_its_runs_in_its_order() -> None:
    app = opened("compare.py", runs=f"{NOISE},{FLIP}")
    assert [app.selectbox(key=f"pick-{place}").value for place in range(4)] == [NOISE, FLIP, "", ""]
    assert "They differ in attack (A: Noise; B: Label flip); everything else" in shown_text(app)
    assert query(app) == {"runs": f"{NOISE},{FLIP}"}
    assert not app.warning


def test_numbers_stand_beside_each_other() -> None:
    words = shown_text(opened("compare.py", runs=f"{FLIP},{NOISE}"))
    rows = [line for line in words.splitlines() if line.startswith("| ")]
    assert rows[0] == "| Run | Attack | Poisoned | Drop, points |"
    assert rows[1].startswith("| ● **A** | Label flip | 60.0 % | **20.0** ± ")
    assert rows[2].startswith("| ◆ **B** | Noise | 50.0 % | **30.0** ± ")
    assert "budget 10 %" in words  # it is the same in both
    assert "Clean 80.0 %, Poisoned images 10, Test images 50." in words


def test_one_view_is_shown_at_a_time_and_stands_in_the_link() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}")
    heads = {"images": "Images", "map": "Maps of features", "classes": "Accuracy per class"}
    assert [head.value for head in app.subheader if head.value in {"Accuracy", *heads.values()}] == ["Accuracy"]
    for view, head in heads.items():
        rerun(app.button_group(key="compare-view").set_value(view))
        assert [shown.value for shown in app.subheader if shown.value in {"Accuracy", *heads.values()}] == [head]
        assert query(app) == {"runs": f"{FLIP},{NOISE}", "view": view}
    app.query_params.pop("view")  # back in the browser
    assert "Accuracy" in [head.value for head in rerun(app).subheader]


def test_an_unknown_view_is_said() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}", view="magic")
    words = "`view` is `magic`; allowed: accuracy, images, map, classes, confusion. Using accuracy instead."
    assert words in shown_text(app)
    assert query(app) == {"runs": f"{FLIP},{NOISE}"}


def test_bars_have_the_colours_of_the_lab() -> None:
    figure = pictures.accuracy_bars({"Clean": [0.8, 0.8], "Stage 2": [None, None], "Poisoned": [0.6, 0.5]}, [0, 1])
    assert [(bar.name, bar.marker.color, list(bar.text)) for bar in figure.data] == [
        ("Clean", CLEAN, ["80.0", "80.0"]),
        ("Poisoned", POISONED, ["60.0", "50.0"]),
    ]
    assert figure.layout.yaxis.range[0] == 45
    assert not {CLEAN, POISONED} & set(pictures.COLORS)


def test_without_a_link_two_runs_are_shown_and_the_link_is_written() -> None:
    app = opened("compare.py")
    shown = query(app)["runs"].split(",")
    assert len(set(shown)) == 2
    assert [app.selectbox(key=f"pick-{place}").value for place in range(2)] == shown


def test_one_run_of_the_lab_gets_another_beside_it() -> None:
    shown = query(opened("compare.py", runs=OTHER))["runs"].split(",")
    assert shown[0] == OTHER
    assert len(set(shown)) == 2


def test_pickers_write_the_link_and_history_moves_them() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}")
    app = rerun(app.selectbox(key="pick-2").select(OTHER))
    assert query(app) == {"runs": f"{FLIP},{NOISE},{OTHER}"}
    app = rerun(app.selectbox(key="pick-2").select(""))
    assert query(app) == {"runs": f"{FLIP},{NOISE}"}
    app.query_params["runs"] = f"{OTHER},{FLIP}"
    app = rerun(app)
    assert [app.selectbox(key=f"pick-{place}").value for place in range(2)] == [OTHER, FLIP]


def test_a_run_that_stands_elsewhere_changes_places_or_stays() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE},{OTHER}")
    app = rerun(app.selectbox(key="pick-0").select(OTHER))
    assert query(app) == {"runs": f"{OTHER},{NOISE},{FLIP}"}
    assert [app.selectbox(key=f"pick-{place}").value for place in range(4)] == [OTHER, NOISE, FLIP, ""]
    app = rerun(app.selectbox(key="pick-3").select(NOISE))
    assert query(app) == {"runs": f"{OTHER},{NOISE},{FLIP}"}
    assert [toast.value for toast in app.toast] == ["This run is shown already, as run B."]


@pytest.mark.parametrize(
    ("runs", "words", "shown"),
    [
        (f"0123456789abcdef,{FLIP},{NOISE}", "`0123456789abcdef` is not stored here", f"{FLIP},{NOISE}"),
        (f"{FLIP},{FLIP},{NOISE}", "named twice", f"{FLIP},{NOISE}"),
        (f"*x*,{FLIP},{NOISE}", "`*x*` is not stored here", f"{FLIP},{NOISE}"),
    ],
)
def test_what_is_not_followed_in_a_link_is_said(runs: str, words: str, shown: str) -> None:
    app = opened("compare.py", runs=runs)
    assert words in shown_text(app)
    assert query(app) == {"runs": shown}


def test_more_than_four_runs_are_cut(store: Store) -> None:
    hashes = [store.put(drawn(seed=seed)).hash for seed in range(2, 7)]
    app = opened("compare.py", runs=",".join(hashes))
    assert "names 5 runs; shown are the first 4" in shown_text(app)
    assert query(app) == {"runs": ",".join(hashes[:4])}


def test_one_run_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path / "other", monkeypatch).put(drawn())
    app = opened("compare.py")
    assert "Two finished runs are needed" in shown_text(app)
    assert not app.selectbox


def test_maps_share_axes_only_on_the_same_clean_features() -> None:
    same = opened("compare.py", runs=f"{FLIP},{NOISE}", view="map")
    assert "A and B share the same clean features" in shown_text(same)
    assert "not comparable" not in shown_text(same)
    apart = opened("compare.py", runs=f"{FLIP},{OTHER}", view="map")
    assert "These maps are not comparable" in shown_text(apart)
    assert "same clean features" not in shown_text(apart)
    mixed = opened("compare.py", runs=f"{FLIP},{OTHER},{NOISE}", view="map")
    assert "A and C share the same clean features" in shown_text(mixed)
    assert "On separate axes: A+C, B." in shown_text(mixed)


def test_an_older_run_has_no_matrix(store: Store) -> None:
    counts = np.eye(10, dtype=int).tolist()
    scores = {name: Score(0.8, [0.8] * 10, counts) for name in ("clean", "poisoned")}
    counted = [store.put(replace(drawn(attack, seed=8), **scores)).hash for attack in ("label-flip", "noise")]
    older = opened("compare.py", runs=f"{FLIP},{NOISE}", view="confusion")
    assert shown_text(older).count("Not stored by this older run; run its experiment again") == 2
    app = opened("compare.py", runs=",".join(counted), view="confusion")
    assert "Not stored" not in shown_text(app)
    assert len(app.get("plotly_chart")) == len(older.get("plotly_chart")) + 2


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_attack_beside_another(attack: str, store: Store) -> None:
    run = store.put(drawn(attack, seed=3))
    words = shown_text(opened("compare.py", runs=f"{FLIP},{run.hash}", view="images"))
    assert ("B makes no images" in words) == (not run.plot().makes_images)


def test_other_data_has_classes_of_its_own(store: Store) -> None:
    emoji = store.put(drawn(data="emoji", train_domain="google"))
    runs = f"{FLIP},{emoji.hash}"
    assert "The runs have different classes" in shown_text(opened("compare.py", runs=runs, view="classes"))
    assert "share no base image" in shown_text(opened("compare.py", runs=runs, view="images"))


def test_damaged_pictures_are_said(store: Store) -> None:
    (store.root / FLIP / "view.npz").write_bytes(b"no archive")
    app = opened("compare.py", runs=f"{FLIP},{NOISE}")
    assert any("damaged" in error.value for error in app.error)


def test_a_run_opens_in_the_lab() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}")
    app = rerun(app.button(key="open-B").click())
    assert app.title[0].value == "Poison Lab"
    assert app.session_state.spec == small("noise")
    assert "Result of these settings" in shown_text(app)


def test_settings_of_the_sidebar_outlast_a_visit() -> None:
    app = opened("lab.py", attack="noise", budget="12", train="100", test="50")
    spec = app.session_state.spec
    app = rerun(app.switch_page("compare.py"))
    app = rerun(app.selectbox(key="pick-2").select(OTHER))
    app = rerun(app.switch_page("lab.py"))
    assert app.session_state.spec == spec
    assert query(app) == {"attack": "noise", "budget": "12", "train": "100", "test": "50"}


def test_the_choice_outlasts_a_visit_elsewhere() -> None:
    app = opened("compare.py", runs=f"{OTHER},{FLIP}")
    rerun(app.switch_page("lab.py"))
    for key in list(app.query_params):
        del app.query_params[key]
    app = rerun(app.switch_page("compare.py"))
    assert query(app)["runs"] == f"{OTHER},{FLIP}"


def test_the_lab_leads_here() -> None:
    app = opened("lab.py", attack="noise", budget="10", train="100", test="50")
    links = {link.proto.label: link.proto for link in app.get("page_link")}
    assert {"Compare", "Present"} <= links.keys()
    assert NOISE in str(links["Compare"])
    assert NOISE in str(links["Present"])


def test_labels_of_runs_name_what_differs(store: Store) -> None:
    same = [store.put(drawn({"name": "tgda-feature", "steps": n})) for n in (5, 6)]
    labels = _run_labels.labels(store.list())
    assert len(set(labels.values())) == len(labels) == 5
    assert [labels[run.hash].split(" · ")[2] for run in same] == ["steps 5", "steps 6"]
    assert labels[FLIP].startswith("Label flip · 10 % · seed 0 · 20.0 points lost · Fashion-MNIST")
    assert labels[OTHER].startswith("Label flip · 10 % · seed 1 · 20.0 points lost · Fashion-MNIST")
    assert labels[NOISE].startswith("Noise · 10 % · 30.0 points lost · Fashion-MNIST")


def test_runs_of_one_attack_are_told_apart_by_their_constraint(store: Store) -> None:
    runs = [store.put(drawn("noise", constraint=constraint)).hash for constraint in ("none", "perturbation")]
    labels = _run_labels.labels(store.list())
    assert [labels[run].split(" · ")[2] for run in runs] == ["constraint none", "constraint perturbation"]


def test_a_label_says_what_tells_a_run_from_most_of_its_likes(store: Store) -> None:
    bare, late = (store.put(drawn("noise", **values)).hash for values in ({"constraint": "none"}, {"seed": 1}))
    labels = _run_labels.labels(store.list())
    parts = [labels[run].split(" · ") for run in (NOISE, bare, late)]
    assert [words[2] for words in parts] == ["30.0 points lost", "constraint none", "seed 1"]
    assert all(words[3].endswith("points lost") for words in parts[1:])


def test_matrix_of_a_change_is_symmetric_about_nothing() -> None:
    figure = pictures.matrix(np.array([[-2, 1], [0, 3]]), ["a", "b"], 4, is_change=True, is_dark=False)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-4, 4)
    assert [list(row) for row in figure.data[0].text] == [["-2", "+1"], ["", "+3"]]


def test_small_maps_have_the_axes_of_all() -> None:
    plots = [drawn().plot, drawn("noise").plot]
    data = [pictures.small_map(plot, CLASSES, place, plots).as_data() for place, plot in enumerate(plots)]
    assert data[0]["low"] == data[1]["low"]
    assert data[0]["high"] == data[1]["high"]


def test_the_shared_map_has_the_poison_of_every_run_in_its_own_symbol() -> None:
    plots = [drawn().plot, drawn("noise").plot]
    scene = pictures.shared_map(plots, CLASSES, [0, 2])
    counts = [plot.n_poison for plot in plots]
    assert [scene.marks[i].shape for i in scene.mark[scene.n_clean :]] == ["disc"] * counts[0] + ["square"] * counts[1]
    assert list(scene.groups) == [("A", counts[0]), ("C", counts[1])]
    np.testing.assert_array_equal(scene.xy[-counts[1] :], plots[1].shown_xy)


def test_a_strip_marks_what_is_missing() -> None:
    image = np.zeros((1, 8, 8), np.uint8)
    assert pictures.strip([image, None]) != pictures.strip([image, image])


@pytest.mark.parametrize(("view", "key", "value"), [("classes", "measure", "poisoned"), ("confusion", "head", "clean")])
def test_what_a_view_shows_is_in_the_link(view: str, key: str, value: str) -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}", view=view)
    rerun(app.button_group(key=f"compare-{key}").set_value(value))
    link = {"runs": f"{FLIP},{NOISE}", "view": view, key: value}
    assert query(app) == link
    again = opened("compare.py", **link)
    assert again.button_group(key=f"compare-{key}").value == value
    assert not again.warning
    app = rerun(app.switch_page("lab.py"))
    for name in list(app.query_params):
        del app.query_params[name]
    assert query(rerun(app.switch_page("compare.py"))) == link


def test_an_odd_measure_is_said() -> None:
    app = opened("compare.py", runs=f"{FLIP},{NOISE}", view="classes", measure="magic")
    words = "`measure` is `magic`; allowed: lost, poisoned, clean. Using lost instead."
    assert [box.value for box in app.warning] == [words]
    assert query(app) == {"runs": f"{FLIP},{NOISE}", "view": "classes"}
