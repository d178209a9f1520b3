"""Runs side by side: the link and the pickers agree, what differs is said, what can't be compared is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.heads.scores import Score
from core.spec.registry import ATTACKS
from core.storage.runs import Store
from pages import _compare_figures as pictures
from pages import _pick
from tests.apps import drawn, opened, own_store, query, rerun, shown_text, small


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
    assert "| Clean, % | 80.0 | 80.0 |" in words
    assert "| Stage 2, % | — | — |" in words
    assert "| **Drop**, points | **20.0** | **30.0** |" in words


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
    same = opened("compare.py", runs=f"{FLIP},{NOISE}")
    assert "A and B share the same clean features" in shown_text(same)
    assert "not comparable" not in shown_text(same)
    apart = opened("compare.py", runs=f"{FLIP},{OTHER}")
    assert "These maps are not comparable" in shown_text(apart)
    assert "same clean features" not in shown_text(apart)
    mixed = opened("compare.py", runs=f"{FLIP},{OTHER},{NOISE}")
    assert "A and C share the same clean features" in shown_text(mixed)
    assert "On separate axes: A+C, B." in shown_text(mixed)


def test_an_older_run_has_no_matrix(store: Store) -> None:
    counts = np.eye(10, dtype=int).tolist()
    scores = {name: Score(0.8, [0.8] * 10, counts) for name in ("clean", "poisoned")}
    counted = [store.put(replace(drawn(attack, seed=8), **scores)).hash for attack in ("label-flip", "noise")]
    older = opened("compare.py", runs=f"{FLIP},{NOISE}")
    assert shown_text(older).count("Not stored by this older run; run its experiment again") == 2
    app = opened("compare.py", runs=",".join(counted))
    assert "Not stored" not in shown_text(app)
    assert len(app.get("plotly_chart")) == len(older.get("plotly_chart")) + 2


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_attack_beside_another(attack: str, store: Store) -> None:
    run = store.put(drawn(attack, seed=3))
    words = shown_text(opened("compare.py", runs=f"{FLIP},{run.hash}"))
    assert ("B makes no images" in words) == (not run.plot().makes_images)


def test_other_data_has_classes_of_its_own(store: Store) -> None:
    emoji = store.put(drawn(data="emoji", train_domain="google"))
    words = shown_text(opened("compare.py", runs=f"{FLIP},{emoji.hash}"))
    assert "The runs have different classes" in words
    assert "share no base image" in words


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


def test_labels_of_runs_tell_them_apart(store: Store) -> None:
    same = [store.put(drawn({"name": "tgda-feature", "steps": n})) for n in (5, 6)]
    labels = _pick.labels(store.list())
    assert len(set(labels.values())) == len(labels) == 5
    assert same[0].hash[:6] in labels[same[0].hash]
    assert labels[FLIP].startswith("Label flip · 10 % · 20.0 points lost · Fashion-MNIST")


def test_matrix_of_a_change_is_symmetric_about_nothing() -> None:
    figure = pictures.matrix(np.array([[-2, 1], [0, 3]]), ["a", "b"], 4, is_change=True, is_dark=False)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-4, 4)
    assert [list(row) for row in figure.data[0].text] == [["-2", "+1"], ["", "+3"]]


def test_small_maps_have_the_axes_of_all() -> None:
    plots = [drawn().plot, drawn("noise").plot]
    ranges = {pictures.small_map(plot, place, plots).layout.xaxis.range for place, plot in enumerate(plots)}
    assert len(ranges) == 1


def test_a_strip_marks_what_is_missing() -> None:
    image = np.zeros((1, 8, 8), np.uint8)
    assert pictures.strip([image, None]) != pictures.strip([image, image])
