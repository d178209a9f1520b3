import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from core.catalog import uploads as catalog_uploads
from core.catalog.choices import listing, resolve
from core.data.registry import DATA
from core.experiments import sweep
from core.experiments.result import Result
from core.experiments.summary import CurvePoint
from core.extractors.registry import EXTRACTORS
from core.presentation import export
from core.serving import engine as engine_module
from core.serving.status import JobStatus
from core.serving.uploads import NO_ROOM
from core.spec.defaults import CURRENT
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.storage import gallery, marks, uploads
from core.storage.runs import Store
from core.system.errors import EngineError
from core.system.paths import ROOT
from pages import _points, _runs, _sidebar_controls, _state, _words
from tests.apps import query, rerun, unfolded
from tests.drawn import drawn_result
from tests.pictures import pets, zipped

WAITING = JobStatus("queued", 2, "", 0, 0, 0.0, None, 0.0, 90.0, [], None)
RUNNING = JobStatus(
    *("running", 0, "stage2", 3, 10, 0.25, 0.0, 5.0, 15.0),
    [CurvePoint("stage2", 3, {"train_accuracy": 0.9})],
    None,
)


EXPERIMENTS: list[dict[str, Any]] = [
    {},
    {"attack": "label-flip", "budget": 0.3, "constraint": "perturbation", "delta": 4 / 255},
    {"attack": {"name": "gc-feature", "target": "gradpc", "radius": 2.5}, "ridge": 1e-4},
    {"attack": {"name": "ft-matching", "stage2": "gc", "steps": 9}, "train_size": 100, "seed": 12},
    {"extractor": "efficientnet-lite0-imagenet", "input_size": 128},
    {"attack": "noise", "evade": "loss"},
    {"data": "emoji", "train_size": 300, "test_size": 50, "test_domain": "fluent3d", "budget": 0.125},
]


class FakeJob:
    def __init__(self, spec: ExperimentSpec) -> None:
        self.id, self.spec, self.people, self.now = spec.hash, spec, {"me"}, RUNNING
        self.run_id, self.preview = f"{self.id}-1", None

    def status(self) -> JobStatus:
        return self.now

    def cancel(self, person: str | None = None) -> bool:
        if len(self.people) > 1:
            return False
        self.now = replace(RUNNING, state="cancelled", seconds_left=None)
        return True


class FakeEngine:
    """Knows what was asked for; a test says how far it is."""

    def __init__(self) -> None:
        self.known: dict[str, FakeJob] = {}
        self.error = ""
        self.interrupted: set[str] = set()

    def was_interrupted(self, spec_hash: str) -> bool:
        return spec_hash in self.interrupted

    def job(self, spec_hash: str) -> FakeJob | None:
        return self.known.get(spec_hash)

    def submit(self, spec: ExperimentSpec, person: str = "", *, again: bool = False) -> FakeJob:
        if self.error:
            raise EngineError(self.error)
        return self.known.setdefault(spec.hash, FakeJob(spec))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(engine_module, "get_engine", lambda: fake)
    return fake


@pytest.fixture(scope="module")
def default_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default experiment, written once."""
    store = Store(tmp_path_factory.mktemp("written"), shipped=None)
    return store.put(drawn_result(resolve(ExperimentSpec()))).folder


@pytest.fixture
def store(default_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose only run is the default experiment."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    shutil.copytree(default_folder, tmp_path / "results" / default_folder.name)
    return Store(tmp_path / "results", shipped=None)


@pytest.fixture(autouse=True)
def _own_store(store: Store, engine: FakeEngine) -> None:
    """Every test has its own store and never starts a cluster."""


def lab(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in unfolded(app, "how").metric}


def shown_text(app: AppTest) -> str:
    elements = (*app.markdown, *app.caption, *app.info, *app.warning, *app.error)
    return "\n".join(element.value for element in elements)


def image_cards(app: AppTest) -> dict[str, Any]:
    """What the card of images shows."""
    (element,) = (part for part in app.get("bidi_component") if part.proto.component_name == "poison-lab.images")
    cards: dict[str, Any] = json.loads(element.proto.json)["cards"]
    return cards


def test_first_page_shows_the_default_experiment_without_a_run() -> None:
    app = lab()
    assert numbers(app) == {
        "Clean": "80.0 %",
        "Poisoned": "60.0 %",
        "Drop": "20.0 points",
    }
    assert "**60 poisoned images among 2,060 make 200 more of 1,000 test images wrong.**" in shown_text(app)
    assert app.button(key="run").disabled
    assert "Already computed" in shown_text(app)
    assert query(app) == {}


def test_empty_store_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(_runs, "GALLERY", tmp_path / "no-gallery")
    app = lab()
    assert "press Run" in shown_text(app)
    assert not app.button(key="run").disabled


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_is_shown(name: str, store: Store) -> None:
    store.put(drawn_result(resolve(parse_spec({"attack": name, "train_size": 100, "test_size": 50}))))
    app = lab(attack=name, train="100", test="50")
    assert "Result of these settings" in shown_text(app)
    makes_images = listing()["attacks"][name]["makes_images"]
    assert ("makes feature vectors, not images" in image_cards(app)["remark"]) != makes_images


def test_how_much_of_the_poison_passes_is_shown(store: Store) -> None:
    spec = resolve(parse_spec({"evade": "loss", "train_size": 100, "test_size": 50}))
    store.put(replace(drawn_result(spec), notes={"evaded": 1.0}))
    app = lab(evade="loss", train="100", test="50")
    assert "made to evade the defence Loss" in shown_text(app)
    (note,) = image_cards(app)["notes"]
    assert "lets 100 % of the poisoned samples pass" in note


def test_link_gives_the_same_experiment() -> None:
    app = lab(attack="tgda-feature", steps="7", budget="5.5", data="emoji", to="twitter", seed="3")
    spec = app.session_state.spec
    assert spec.attack.model_dump() == {"name": "tgda-feature", "steps": 7, "lr": 0.3}
    assert (spec.budget, spec.data, spec.seed) == (0.055, "emoji", 3)
    assert (spec.train_domain, spec.test_domain) == ("google", "twitter")
    assert query(app) == {
        "attack": "tgda-feature",
        "steps": "7",
        "budget": "5.5",
        "data": "emoji",
        "to": "twitter",
        "seed": "3",
    }


@pytest.mark.parametrize("attack", ["ft-matching", "label-flip"])
def test_a_defence_to_pass_is_chosen_and_told_apart(attack: str) -> None:
    app = lab(attack=attack)
    assert app.session_state.spec.evade is None
    app = rerun(app.selectbox(key="ask-evade").select("sphere"))
    assert app.session_state.spec.evade == "sphere"
    assert query(app).get("evade") == "sphere"
    app = lab(**query(app))
    assert app.selectbox(key="ask-evade").value == "sphere"
    app = rerun(app.selectbox(key="ask-evade").select("none"))
    assert app.session_state.spec.evade is None
    assert "evade" not in query(app)


def test_controls_write_the_link() -> None:
    app = lab()
    app = rerun(app.selectbox(key="ask-attack").select("label-flip"))
    app = rerun(app.slider(key="ask-budget").set_value(10.0))
    assert query(app) == {"attack": "label-flip", "budget": "10"}
    app = rerun(app.slider(key="ask-budget").set_value(3.0))
    assert query(app) == {"attack": "label-flip"}


def test_control_that_misses_its_message_has_the_state_all_the_same() -> None:
    app = lab(steps="50", train="1000", budget="7", attack="decoder", labels="random")
    app.run()  # nothing sets the widgets any more: what counts is their own default
    drawn = [*app.sidebar.number_input, *app.sidebar.slider]
    assert {"ask-steps", "ask-train", "ask-budget"} <= {one.key for one in drawn}
    for one in drawn:
        default = one.proto.default[0] if one.key == "ask-budget" else one.proto.default
        assert default == one.value, one.key
    for one in app.sidebar.selectbox:
        assert one.options[one.proto.default] == one.format_func(one.value), one.key
    for one in app.sidebar.button_group:
        assert [one.options[index] for index in one.proto.default] == [one.format_func(one.value)], one.key


def test_browser_history_moves_the_controls() -> None:
    app = lab()
    app = rerun(app.slider(key="ask-budget").set_value(10.0))
    del app.query_params["budget"]
    app.run()
    assert app.slider(key="ask-budget").value == 3.0


def test_late_link_does_not_undo_a_newer_change() -> None:
    app = lab()
    app = rerun(app.slider(key="ask-budget").set_value(10.0))
    del app.query_params["budget"]
    app = rerun(app.slider(key="ask-budget").set_value(12.0))
    assert app.slider(key="ask-budget").value == 12.0
    assert query(app) == {"budget": "12", "defaults": str(CURRENT)}


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("attack", "magic", "label-flip"),
        ("data", "imagenet", "fashion-mnist"),
        ("extractor", "", "efficientnet-lite0-imagenet"),
        ("px", "28", "does not apply"),
        ("budget", "99", "from 0.5 to 30"),
        ("budget", "nan", "from 0.5 to 30"),
        ("budget", "inf", "from 0.5 to 30"),
        ("train", "12.5", "a whole number from 20 to 60000"),
        ("train", "999999999999999999999", "from 20 to 60000"),
        ("seed", "-1", "from 0"),
        ("labels", "<script>alert(1)</script>", "clean, random, adversarial"),
        ("from", "google", "does not apply"),
        ("colour", "red", "Known: data"),
    ],
)
def test_bad_link_says_what_is_allowed_and_goes_on(key: str, value: str, allowed: str) -> None:
    app = lab(**{key: value}, ridge="0.01")
    assert len(app.error) == 1
    assert allowed in app.error[0].value
    assert app.session_state.spec == resolve(parse_spec({"ridge": 0.01}))
    # A link without a version is one of before there were versions: what it left out is said from now on.
    assert query(app) == {"attack": "ft-matching", "ridge": "0.01"}


def test_input_size_is_asked_for_where_there_is_a_choice() -> None:
    app = lab(extractor="efficientnet-lite0-imagenet", px="65")
    assert "allowed: 64, 128, 224" in app.error[0].value
    app = rerun(app.segmented_control(key="ask-px").select(128))
    assert app.session_state.spec.input_size == 128
    app = rerun(app.selectbox(key="ask-extractor").select("resnet10-small-mnist"))
    assert app.session_state.spec.input_size == 28
    assert query(app) == {"extractor": "resnet10-small-mnist", "attack": "ft-matching"}


def test_box_about_the_link_goes_with_the_next_change() -> None:
    app = lab(budget="99")
    app = rerun(app.slider(key="ask-budget").set_value(4.0))
    assert not app.error


def test_impossible_constraint_cannot_be_chosen() -> None:
    app = lab(constraint="perturbation", delta="4")
    assert app.session_state.spec.delta == 4 / 255
    app = rerun(app.selectbox(key="ask-attack").select("gc-feature"))
    assert app.session_state.spec.constraint == "valid"
    assert not app.error


def test_sizes_follow_the_data() -> None:
    app = lab(train="5000")
    app = rerun(app.selectbox(key="ask-data").select("emoji"))
    assert app.session_state.spec.train_size == 1306
    assert not app.error


@pytest.mark.parametrize(
    ("link", "setting"),
    [
        ({}, "fine-tuning"),
        ({"data": "mnist"}, "transfer"),
        ({"extractor": "efficientnet-lite0-imagenet"}, "transfer"),
        ({"extractor": "efficientnet-lite0-random"}, "control"),
        ({"data": "emoji"}, "transfer"),
        ({"data": "emoji", "to": "twitter"}, "domain adaptation"),
    ],
)
def test_sidebar_says_which_setting_a_choice_is(link: dict[str, str], setting: str) -> None:
    assert f"Setting: **{setting}**; " in shown_text(lab(**link))


def test_data_to_be_fetched_is_chosen_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(_state, "LOOK_SECONDS", 1e-6)
    app = lab()
    embedded = [record.title for record in DATA.values() if record.embedded]
    assert app.selectbox(key="ask-data").options[: len(embedded)] == embedded
    for name, record in DATA.items():
        if not record.embedded:
            assert f"{record.title} (not downloaded)" in app.selectbox(key="ask-data").options
            app = rerun(app.selectbox(key="ask-data").select(name))
            assert (app.session_state.spec.data, app.session_state.spec.train_size) == (name, 2000)
            assert not app.error
    # Once it is here its label changes, and the choice stays.
    app = rerun(app.selectbox(key="ask-data").select("cifar100"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar-100-python.tar.gz").touch()
    app.run()
    assert "CIFAR-100" in app.selectbox(key="ask-data").options
    assert app.session_state.spec.data == "cifar100"


@pytest.mark.parametrize("values", EXPERIMENTS)
def test_state_round_trip(values: dict[str, Any]) -> None:
    spec = resolve(parse_spec(values))
    link = _state.to_query(_state.from_spec(spec))
    again, problems = _state.from_query(link)
    assert not problems
    assert _state.to_spec(again) == spec


def test_every_parameter_of_an_attack_has_words() -> None:
    for key in _state.parameter_keys():
        label, help_ = _sidebar_controls.parameter_words(key)
        assert label
        assert label != key
        assert help_.endswith((".", "3")), key


def test_run_shows_progress_then_the_result(engine: FakeEngine, store: Store) -> None:
    app = lab(seed="5")
    assert "Result of other settings" in shown_text(app)
    assert "about" in shown_text(app)
    app = rerun(app.button(key="run").click())
    spec = app.session_state.spec
    assert "Optimising poisoned features, step 3 of 10 · about 15 s left" in app.progress[0].text
    assert app.button(key="run").disabled

    store.put(drawn_result(spec, poisoned=0.3))
    engine.known[spec.hash].now = replace(RUNNING, state="done")
    app.run()
    assert numbers(app)["Poisoned"] == "30.0 %"
    assert not app.progress


@pytest.mark.parametrize(
    ("poisoned", "words"),
    [(0.3, "Recomputed: changed: poisoned 60.0 → 30.0 %"), (0.6, "the result is the same to the last digit")],
)
def test_a_stored_run_is_run_again_and_what_changed_is_said(
    poisoned: float, words: str, engine: FakeEngine, store: Store
) -> None:
    spec = resolve(parse_spec({"seed": 5}))
    store.put(drawn_result(spec))
    app = lab(seed="5")
    assert app.button(key="run").disabled
    app = rerun(app.button(key="again").click())
    assert numbers(app)["Poisoned"] == "60.0 %"
    assert app.progress
    assert not [button for button in app.button if button.key == "again"]

    store.put(drawn_result(spec, poisoned=poisoned))
    engine.known[spec.hash].now = replace(RUNNING, state="done")
    app.run()
    assert numbers(app)["Poisoned"] == f"{100 * poisoned:.1f} %"
    assert words in shown_text(app)
    app = rerun(app.button(key="dismiss-again").click())
    assert words not in shown_text(app)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (WAITING, "Queued, position 2 · about 1.5 min left"),
        (
            replace(WAITING, place=1, seconds_left=None, behind_tasks=True),
            "Queued, position 1: a worker has to end other work first",
        ),
    ],
)
def test_queue_place_is_said(engine: FakeEngine, now: JobStatus, words: str) -> None:
    app = lab(seed="5")
    engine.submit(app.session_state.spec).now = now
    app.run()
    assert words in app.progress[0].text


def test_cancelled_run_says_so_until_dismissed() -> None:
    app = lab(seed="5")
    app = rerun(app.button(key="run").click())
    job = app.session_state.spec.hash
    app = rerun(app.button(key=f"cancel-{job}").click())
    assert "was cancelled" in shown_text(app)
    app.run()
    assert "was cancelled" in shown_text(app)
    app = rerun(app.button(key=f"dismiss-{job}").click())
    assert "was cancelled" not in shown_text(app)


def test_run_that_others_wait_for_goes_on(engine: FakeEngine) -> None:
    app = lab(seed="5")
    app = rerun(app.button(key="run").click())
    job = engine.known[app.session_state.spec.hash]
    job.people.add("someone")
    app = rerun(app.button(key=f"cancel-{job.id}").click())
    assert job.now.state == "running"
    assert not app.progress


@pytest.mark.parametrize("state", ["running", "done"])
def test_cancel_that_comes_too_late_is_no_error(state: str, engine: FakeEngine) -> None:
    app = lab(seed="5")
    app = rerun(app.button(key="run").click())
    job = engine.known[app.session_state.spec.hash]
    job.people.add("someone")  # who keeps it from being cancelled
    button = app.button(key=f"cancel-{job.id}").click()
    job.now = replace(RUNNING, state=state)
    app.session_state.watched = []  # the card has refreshed itself between click and answer
    rerun(button)
    assert job.now.state == state
    assert (job.id in app.session_state.left) is (state == "running")


def test_a_run_ends_in_the_lab_after_a_visit_to_compare(engine: FakeEngine, store: Store) -> None:
    app = lab(seed="5")
    app.session_state.compared = ["0" * 16]  # what that page keeps
    app = rerun(app.button(key="run").click())
    spec = app.session_state.spec
    store.put(drawn_result(spec, poisoned=0.3))
    engine.known[spec.hash].now = replace(RUNNING, state="done")
    rerun(app)
    assert numbers(app)["Poisoned"] == "30.0 %"


def test_failed_run_says_why_until_dismissed(engine: FakeEngine) -> None:
    app = lab(seed="5")
    app = rerun(app.button(key="run").click())
    job = engine.known[app.session_state.spec.hash]
    job.now = replace(RUNNING, state="failed", error="Folder 'x' holds no images; put some there.")
    app.run()
    app.run()
    assert [error.value for error in app.error] == [job.now.error]
    app = rerun(app.button(key=f"dismiss-{job.id}").click())
    assert not app.error


def test_refused_run_says_why(engine: FakeEngine) -> None:
    engine.error = "You have 64 runs in flight."
    app = lab(seed="5")
    app = rerun(app.button(key="run").click())
    assert [error.value for error in app.error] == ["You have 64 runs in flight."]


def test_dead_engine_leaves_results_on_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_engine() -> None:
        raise EngineError("No scheduler answers.")

    app = lab(seed="5")
    rerun(app.button(key="run").click())
    monkeypatch.setattr(engine_module, "get_engine", no_engine)
    app.run()
    assert not app.exception
    assert "No scheduler answers." in shown_text(app)
    assert numbers(app)["Clean"] == "80.0 %"


def test_the_timer_of_a_run_says_that_the_engine_is_gone(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone() -> None:
        import streamlit as st

        from pages import _running

        st.session_state.watched = ["0" * 16]
        _running._card([], lambda polling: None)

    def no_engine() -> None:
        raise EngineError("No scheduler answers.")

    monkeypatch.setattr(engine_module, "get_engine", no_engine)
    app = AppTest.from_function(alone).run()
    assert not app.exception
    assert "No scheduler answers." in shown_text(app)


def test_back_to_the_settings_of_the_result_on_show() -> None:
    app = lab(seed="5", budget="9")
    app = rerun(app.button(key="back").click())
    assert app.session_state.spec == resolve(ExperimentSpec())
    assert query(app) == {}


def test_damaged_pictures_are_said(store: Store) -> None:
    folder = store.root / resolve(ExperimentSpec()).hash
    (folder / "view.npz").write_bytes(b"no archive")
    app = lab()
    assert any("damaged" in error.value for error in app.error)


def test_map_of_unmoved_poison_says_that_its_lines_are_noise(store: Store) -> None:
    spec = resolve(parse_spec({"attack": "label-flip", "train_size": 100, "test_size": 50}))
    result = drawn_result(spec)
    unmoved = replace(result.plot, shift=np.zeros(spec.n_poison, np.float32))
    store.put(replace(result, plot=unmoved))
    assert "no poisoned sample moved" in shown_text(lab(attack="label-flip", train="100", test="50"))
    assert "no poisoned sample moved" not in shown_text(lab())


@pytest.mark.parametrize("values", EXPERIMENTS)
def test_command_line_runs_the_same_experiment(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.cli.main import cli
    from core.experiments import run as run_module

    spec = resolve(parse_spec(values))
    asked: list[ExperimentSpec] = []

    def record(spec: ExperimentSpec, *_: object, **__: object) -> Result:
        asked.append(spec)
        return drawn_result(spec)

    monkeypatch.setattr(run_module, "run", record)
    monkeypatch.chdir(tmp_path)
    words = export.command(spec).split()
    assert words[:4] == ["python", "-m", "core", "run"]
    outcome = CliRunner().invoke(cli, [*words[3:], "--quiet"])
    assert outcome.exit_code == 0, outcome.output
    assert asked == [spec]


def saved(app: AppTest) -> list[str]:
    return [button.label for button in unfolded(app, "export").get("download_button")]


def test_everything_of_a_run_can_be_taken_away(store: Store) -> None:
    labels = ["Report (HTML)", "Results (JSON)", "Table (CSV)", "Table (Parquet)", "Poisoned samples (NPZ)"]
    assert saved(lab()) == [*labels, "Poisoned images (PNG, ZIP)", "Citation (BibTeX)", "Settings (JSON)"]
    store.put(drawn_result(resolve(parse_spec({"attack": "tgda-feature", "train_size": 100, "test_size": 50}))))
    assert saved(lab(attack="tgda-feature", train="100", test="50")) == [
        *labels,
        "Citation (BibTeX)",
        "Settings (JSON)",
    ]


def test_nothing_is_made_before_its_button_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in (
        "core.presentation.report.report",
        "core.presentation.export.table_file",
        "core.presentation.export.images_zip",
        "core.presentation.export.bibtex",
    ):
        monkeypatch.setattr(name, lambda *_, name=name, **__: made.append(name))
    lab()
    assert made == []


def test_what_is_taken_away_is_of_the_run_on_show() -> None:
    spec = resolve(ExperimentSpec())
    assert _runs.exported(spec.hash, lambda run: run.hash.encode()) == spec.hash.encode()


def test_reach_is_said_where_the_attack_has_a_target(store: Store) -> None:
    for name in ("gc-feature", "tgda-feature"):
        app = lab(attack=name, train="100", test="50")
        spec = app.session_state.spec
        store.put(drawn_result(spec))
        words = shown_text(unfolded(lab(attack=name, train="100", test="50"), "reach"))
        assert ("**Out of reach**: this target needs at least 60 % poison" in words) == (name == "gc-feature")


def test_uploads_can_be_chosen_used_and_removed(tmp_path: Path) -> None:
    kept = uploads.add_images("My pets.zip", zipped(pets(20)))
    app = lab(data=kept.name, attack="label-flip")
    spec = app.session_state.spec
    assert (spec.data, spec.train_size, spec.test_size) == (kept.name, 28, 12)
    assert query(app) == {"data": kept.name, "attack": "label-flip", "side": "64"}, "a link without a version"
    assert f"--data {kept.name}" in export.command(spec)
    assert _runs.words(spec).startswith("My pets at 64 px · ")
    uploads.remove(kept.name, "")
    assert "upload\\:my-pets" in _runs.words(spec)
    app.run()
    assert app.session_state.spec.data == "fashion-mnist"
    app = lab(data=kept.name)
    assert "allowed: fashion-mnist" in app.error[0].value


def test_bring_page_lists_what_is_kept() -> None:
    kept = uploads.add_images("pets.zip", zipped(pets()))
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.run()
    app.switch_page("bring.py").run()
    assert not app.exception
    assert "**pets**: 2 classes, 16 training and 8 test images" in shown_text(app)
    app = rerun(app.button(key=f"remove-{kept.name}").click())
    assert "No uploads yet" in shown_text(app)
    assert catalog_uploads.all_images() == {}


def bring() -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.run()
    return app.switch_page("bring.py").run()


def test_an_upload_without_room_is_refused_in_words() -> None:
    app = bring()
    app = app.file_uploader[0].set_value(("pets.zip", NO_ROOM, "application/zip")).run()
    assert [box.value for box in app.error] == [
        "The server's memory for uploads is in use by others at the moment: nothing was stored. Try again in a minute."
    ]
    assert catalog_uploads.all_images() == {}


def test_the_page_says_how_large_a_file_may_be_and_what_to_do_with_a_larger_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POISON_LAB_IMAGE_UPLOAD_MEGABYTES", "70")
    app = bring()
    assert [uploader.proto.max_upload_size_mb for uploader in app.file_uploader] == [70, 2000]
    assert "`--data image-folder:PATH`" in shown_text(app)
    assert "`--extractor timm:ARCH@FILE`" in shown_text(app)
    monkeypatch.setenv("POISON_LAB_IMAGE_UPLOAD_MEGABYTES", "0")
    app = bring()
    assert not app.exception
    assert "POISON_LAB_IMAGE_UPLOAD_MEGABYTES is '0'; allowed" in app.error[0].value
    assert "No uploads yet" in shown_text(app)


def test_brought_text_is_no_markdown() -> None:
    assert _words.plain("**x** [a](b) $y$ :red[z]") == r"\*\*x\*\* \[a\](b) \$y\$ \:red\[z\]"


def extractors() -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.run()
    app.switch_page("extractors.py").run()
    assert not app.exception
    return app


def test_extractors_page_tells_of_every_extractor_and_measure() -> None:
    app = extractors()
    assert app.title[0].value == "Extractors"
    table = app.dataframe[0].value
    assert list(table["Extractor"]) == [record.title for record in EXTRACTORS.values()]
    assert table["Paper"].str.startswith("https://arxiv.org/abs/").all()
    assert table["Images per second"].str.match(r"(about )?[\d,.]+$").all()
    assert "python -m core compare-extractors" in shown_text(app)
    assert "python -m core compare-settings" in shown_text(app)
    assert len(app.get("plotly_chart")) == 2
    assert app.button(key="use").disabled


def features(**query: str) -> AppTest:
    """The page of features, opened by a link."""
    app = lab(**query)
    app.switch_page("features.py").run()
    assert not app.exception
    return app


def test_features_page_shows_the_run_and_pins_what_is_chosen() -> None:
    app = features()
    assert any("**2,060** points, **60** of them poisoned" in text.value for text in app.markdown)
    assert any("preserves 50 % of the 15 nearest neighbours" in text.value for text in app.caption)
    app.session_state["features-lasso"] = [3, 2001]
    app.run()
    assert any("**2** lassoed, **1** of them poisoned" in text.value for text in app.markdown)
    app.button(key="features-forget").click().run()
    assert any("2,060" in text.value for text in app.markdown)


@pytest.mark.parametrize("space", _points.SPACES)
def test_features_page_draws_every_map(space: str) -> None:
    app = features()
    app.session_state["features-map"] = space
    app.run()
    assert not app.exception
    assert len(app.get("bidi_component")) == 1
    assert (len([box for box in app.selectbox if box.key in ("features-left", "features-right")]) == 2) == (
        space == "plane"
    )


def test_features_page_says_where_a_run_is_too_old(store: Store, default_folder: Path) -> None:
    result = drawn_result(resolve(ExperimentSpec()))
    store.put(replace(result, plot=replace(result.plot, near=None, near_distance=None)))
    assert any("older version" in box.value for box in features().info)


def sweep_page(**query: str) -> AppTest:
    """The page of sweeps, opened by a link."""
    app = lab(**query)
    app.switch_page("sweep.py").run()
    assert not app.exception
    return app


SWEPT = {"train": "100", "test": "50"}


def sweep_specs(app: AppTest) -> list[ExperimentSpec]:
    base = app.session_state["spec"]
    return list(sweep.hashes(sweep.cells(base, ["ft-matching", "tgda-feature"], [0.01, 0.03, 0.1], [0])).values())


def test_sweep_sends_what_is_missing_and_shows_what_comes(engine: FakeEngine, store: Store) -> None:
    app = sweep_page(**SWEPT)
    todo = sweep_specs(app)
    assert app.button(key="sweep-run").label == "Run 9"
    store.put(drawn_result(todo[0]))
    app.run()
    assert app.button(key="sweep-run").label == "Run 8"
    assert len(app.get("plotly_chart")) == 1
    app.button(key="sweep-run").click().run()
    assert not app.exception
    assert set(engine.known) == {spec.hash for spec in todo[1:]}
    assert "1 of 9 runs done" in app.get("progress")[0].proto.text
    for spec in todo[1:]:
        store.put(drawn_result(spec))
        engine.known[spec.hash].now = replace(RUNNING, state="done", seconds_left=None)
    app.run()
    assert any("All 9 runs are stored" in text.value for text in app.markdown)
    assert app.button(key="sweep-run").disabled


def test_sweep_is_stopped_by_its_button(engine: FakeEngine) -> None:
    app = sweep_page(**SWEPT)
    app.button(key="sweep-run").click().run()
    app.button(key="sweep-stop").click().run()
    assert {job.now.state for job in engine.known.values()} == {"cancelled"}
    assert app.button(key="sweep-run").label == "Run 9"


@pytest.mark.parametrize(
    ("why", "words"),
    [("lacks_workers", "no worker is available yet"), ("behind_tasks", "a worker has to end other work first")],
)
def test_sweep_says_why_nobody_knows_how_long_it_takes(engine: FakeEngine, why: str, words: str) -> None:
    app = sweep_page(**SWEPT)
    app.button(key="sweep-run").click().run()
    for job in engine.known.values():
        job.now = replace(WAITING, seconds_left=None, **{why: True})
    app.run()
    [bar] = app.get("progress")
    assert bar.proto.text == f"0 of 9 runs done · {words}"


def test_sweep_that_is_too_large_is_refused() -> None:
    app = sweep_page(**SWEPT)
    app.number_input(key="sweep-seeds").set_value(10).run()
    assert any("at most 64" in box.value for box in app.error)


def test_matrix_of_attacks_and_extractors(store: Store) -> None:
    app = sweep_page(**SWEPT)
    app.session_state["sweep-kind"] = "matrix"
    app.run()
    assert not app.exception
    assert app.button(key="sweep-run").label == "Run 6"


def test_scrubber_moves_numbers_and_map_together(store: Store) -> None:
    app = sweep_page(**SWEPT)
    for spec, poisoned in zip(sweep_specs(app)[3:6], (0.75, 0.7, 0.5), strict=True):
        store.put(drawn_result(spec, poisoned=poisoned))
    app.run()
    lost = {metric.label: metric.value for metric in app.metric}
    assert lost == {"Poisoned images": "1", "Points lost": "5.0"}
    app.select_slider(key="sweep-at").set_value(10.0).run()
    assert {metric.label: metric.value for metric in app.metric} == {"Poisoned images": "10", "Points lost": "30.0"}
    app.toggle(key="sweep-play").set_value(True).run()
    assert app.select_slider(key="sweep-at").value == 1.0


def test_gallery_opens_an_experiment_in_the_lab(store: Store) -> None:
    for entry in gallery.entries()[:3]:
        store.put(drawn_result(entry.spec, clean=0.8, poisoned=0.85))
    app = lab()
    app.switch_page("gallery.py").run()
    assert not app.exception
    assert sum("**5.0 points gained**" in text.value for text in app.markdown) == 3
    second = gallery.entries()[1].spec
    app.button(key=f"open-{second.hash}").click().run()
    assert not app.exception
    assert app.session_state["spec"].hash == second.hash


def test_a_result_is_kept_for_good_and_let_go_again(store: Store) -> None:
    spec_hash = resolve(ExperimentSpec()).hash
    app = lab()
    [keep] = [toggle for toggle in app.toggle if toggle.key == f"pin-{spec_hash}"]
    assert (keep.label, keep.value) == ("Pin", False)
    app = rerun(keep.set_value(True))
    assert store.is_pinned(spec_hash)
    store.unpin(spec_hash)  # as someone else may do
    app = rerun(app)
    assert app.toggle(key=f"pin-{spec_hash}").value is False
    store.pin(spec_hash)
    app = rerun(app)
    app = rerun(app.toggle(key=f"pin-{spec_hash}").set_value(False))
    assert not store.is_pinned(spec_hash)


def test_keeping_what_was_just_deleted_is_told(store: Store) -> None:
    spec_hash = resolve(ExperimentSpec()).hash
    app = lab()
    shutil.rmtree(store.root / spec_hash)
    app = rerun(app.toggle(key=f"pin-{spec_hash}").set_value(True))
    assert any("only runs of this store can be pinned" in toast.value for toast in app.toast)


def test_what_ships_needs_no_keeping(store: Store) -> None:
    shutil.rmtree(store.root / resolve(ExperimentSpec()).hash)
    assert not [toggle for toggle in lab().toggle if (toggle.key or "").startswith("pin-")]


def test_a_run_that_is_on_show_counts_as_used(store: Store) -> None:
    spec_hash = resolve(ExperimentSpec()).hash
    (store.root / "used" / spec_hash).unlink(missing_ok=True)
    marks._NOTED.clear()
    lab()
    assert (store.root / "used" / spec_hash).exists()


def test_a_run_that_the_servers_end_has_interrupted_is_said(engine: FakeEngine) -> None:
    spec = resolve(parse_spec({"attack": "label-flip", "train_size": 100, "test_size": 50}))
    app = lab(attack="label-flip", train="100", test="50")
    assert "The server stopped during this run" not in shown_text(app)
    engine.interrupted.add(spec.hash)
    app = lab(attack="label-flip", train="100", test="50")
    assert "The server stopped during this run" in shown_text(app)
