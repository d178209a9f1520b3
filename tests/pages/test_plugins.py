"""Plug-ins in the app: with one, without the one that a stored result was made with, and with one that is broken."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.attacks.record import RESERVED
from core.attacks.registry import RECORDS
from core.experiments.result import Result
from core.experiments.run import run
from core.serving import engine as engine_module
from core.spec.experiment import parse_spec
from core.storage import features
from core.storage.runs import Store
from pages import _address, _own, _progress, _state
from tests.apps import Tasks, opened, own_store, query, rerun, shown_text
from tests.catalog.test_plugins import changed
from tests.links import PAGES
from tests.plugins import BLEND, NORM, loaded

VALUES = {"train_size": 40, "test_size": 20, "budget": 0.1}
LINK = {"attack": "blend", "budget": "10", "train": "40", "test": "20"}
FORMULA = r"x_j = (1 - a)\, x_{\mathrm{base}} + a\, x_{\mathrm{other}}"
WORDS = "Blend: each base image is mixed with the nearest image of another class."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result]:
    """A run of the example attack, and one of another attack."""
    with pytest.MonkeyPatch.context() as patch, loaded(BLEND):
        patch.setenv("POISON_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        attacks = ("blend", "label-flip")
        first, second = (run(parse_spec({**VALUES, "attack": attack}), device="cpu") for attack in attacks)
    return first, second


class Engine(Tasks):
    """Does tasks at once; nothing was interrupted."""

    def was_interrupted(self, spec_hash: str) -> bool:
        return False


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture(autouse=True)
def store(
    made: tuple[Result, Result], engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    monkeypatch.setenv("POISON_LAB_PLUGINS", "")
    for result in made:
        store.put(result)
    with loaded():
        yield store


@pytest.fixture
def with_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has been started with both examples."""
    monkeypatch.setenv("POISON_LAB_PLUGINS", f"{BLEND}:{NORM}")


@pytest.fixture(params=["with", "without"])
def either(request: pytest.FixtureRequest) -> str:
    """With the plug-ins, and without."""
    if request.param == "with":
        request.getfixturevalue("with_plugins")
    return str(request.param)


def hashes(made: tuple[Result, Result]) -> tuple[str, str]:
    return made[0].spec.hash, made[1].spec.hash


def errors(app: AppTest) -> list[str]:
    return [error.value for error in app.error]


def test_names_that_links_use_are_no_parameters_of_plugins() -> None:
    shared = set(_state.all_keys()) - set(_state.parameter_keys())
    with_controls = set(_address.VIEWS) - set(_address.WITHOUT_CONTROLS)
    own = {key for page in with_controls for key in _own.keys(page)}
    assert shared | own | {*_state.LOCKS, _state.VERSION, *_progress.KEYS} <= RESERVED


@pytest.mark.usefixtures("with_plugins")
def test_the_sidebar_offers_the_attack_its_parameter_and_the_defence() -> None:
    app = opened("lab.py", **LINK)
    attack = app.selectbox(key="ask-attack")
    assert (attack.value, "Blend" in attack.options) == ("blend", True)
    assert "**Blend**: Images blended towards an image of another class." in attack.help
    share = app.number_input(key="ask-share")
    assert (share.label, share.value, share.help) == ("Share", 0.5, "How much of the other image is in the blend.")
    assert 0 < share.min < 1e-3
    assert 0.999 < share.max < 1
    evade = app.selectbox(key="ask-evade")
    assert "Norm" in evade.options
    rerun(evade.set_value("norm"))
    rerun(app.number_input(key="ask-share").set_value(0.25))
    assert query(app) == {**LINK, "share": "0.25", "evade": "norm"}
    assert errors(app) == []


@pytest.mark.usefixtures("with_plugins")
def test_the_lab_has_the_result_of_these_settings() -> None:
    app = opened("lab.py", **LINK)
    assert "Result of these settings" in shown_text(app)
    assert "Blend" in shown_text(app)
    assert app.button(key="again")


def test_without_the_plugin_the_lab_shows_its_result_all_the_same(made: tuple[Result, Result], store: Store) -> None:
    shutil.rmtree(store.root / hashes(made)[1])
    app = opened("lab.py")
    text = shown_text(app)
    assert "Result of other settings" in text
    assert "blend" in text
    assert errors(app) == []


def test_stages_are_the_plugins_own(either: str, made: tuple[Result, Result]) -> None:
    app = opened("stages.py", run=hashes(made)[0], step="1")
    assert [formula.value for formula in app.latex] == [f"$$\n{FORMULA}\n$$"]
    text = shown_text(app).replace("**", "")
    assert WORDS in text
    others = [record for record in RECORDS.values() if record.name != "blend"]
    words = [stage.explain(record.settings()).text for record in others for stage in record.stages]
    assert [sentence for sentence in words if sentence.replace("**", "") in text] == []
    last = len(app.select_slider[0].options) - 1
    assert last == 6  # the clean head, five steps of the blend, the poisoned set
    rerun(app.select_slider[0].set_value(last))
    assert errors(app) == []


@pytest.mark.parametrize(
    ("page", "key"), [("defend", "run"), ("present", "run"), ("compare", "runs"), ("features", "run")]
)
def test_pages_of_a_run_show_it(page: str, key: str, either: str, made: tuple[Result, Result]) -> None:
    links = ",".join(hashes(made)) if key == "runs" else hashes(made)[0]
    app = rerun(opened(f"{page}.py", **{key: links}))
    assert errors(app) == []
    assert re.search("Blend|blend", shown_text(app) + str([box.options for box in app.selectbox]))


@pytest.mark.usefixtures("with_plugins")
def test_the_example_defence_goes_over_a_run(made: tuple[Result, Result], engine: Engine) -> None:
    app = rerun(opened("defend.py", run=hashes(made)[0], **{"with": "norm", "share": "10"}))
    assert engine.asked == ["judge norm:share=0.1"]
    (about,) = [caption for caption in app.caption if caption.value.startswith("**Norm**: ")]
    assert about.value == "**Norm**: Removes the points with the longest feature vectors."
    assert about.proto.help == "An example."
    assert "Poison detected" in [metric.label for metric in app.metric]


def test_without_the_plugin_a_link_to_its_defence_says_so(made: tuple[Result, Result]) -> None:
    app = opened("defend.py", run=hashes(made)[0], **{"with": "norm"})
    (problem,) = (box.value for box in app.warning)
    assert problem.startswith("`with` is `norm`; allowed: some of ")
    assert problem.endswith(". Using sphere instead.")


def test_without_the_plugin_features_are_not_computed_again(
    made: tuple[Result, Result], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that ships without images they are missing; only the attack could make them."""
    engine.works = False
    monkeypatch.setattr(features, "are_at_hand", lambda run: False)
    app = opened("defend.py", run=hashes(made)[0], **{"with": "sphere"})
    assert "'blend' comes from a plug-in that is not loaded here" in "".join(errors(app)) + shown_text(app)


@pytest.mark.usefixtures("with_plugins")
def test_a_sweep_has_the_attack() -> None:
    app = opened("sweep.py", **{**LINK, "attacks": "blend", "budgets": "10", "seeds": "1"})
    assert errors(app) == []
    assert "Blend" in shown_text(app) + str([box.options for box in app.multiselect])


def test_without_the_plugin_a_link_to_its_attack_says_so() -> None:
    assert "blend" in "".join(errors(opened("lab.py", **LINK)))


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_plugin_is_said_on_every_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(tmp_path, STEPS="STEPS = 1 / 0")
    monkeypatch.setenv("POISON_LAB_PLUGINS", str(path))
    app = opened(f"{page}.py")
    assert f"Plug-in {path}, line 22: ZeroDivisionError: division by zero." in errors(app)
