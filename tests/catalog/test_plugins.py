"""Plug-ins: what is loaded, what its hash means, and how each way of being broken is said."""

import hashlib
import re
import shutil
import threading
from pathlib import Path

import pytest

from core.attacks.registry import RECORDS as ATTACKS
from core.catalog import choices, plugins
from core.catalog.choices import resolve
from core.catalog.descriptions import AttackDescription, describe
from core.catalog.plugins import INTERFACE, load_from_environment, load_plugins
from core.defences.registry import RECORDS as DEFENCES
from core.spec import registry
from core.spec.experiment import LABEL_RULES, ExperimentSpec, parse_spec
from core.spec.models import UnknownAttack
from core.system.errors import PluginError, SpecError
from tests.plugins import BLEND, NORM, loaded

pytestmark = pytest.mark.usefixtures("plugins_for_a_test")

SHIPPED = (list(ATTACKS), list(DEFENCES), list(registry.ATTACKS), list(registry.EVADABLE))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(folder: Path, original: Path = BLEND, **replacements: str) -> Path:
    """A copy of an example in which lines that begin with a name are others."""
    text = original.read_text()
    for name, line in replacements.items():
        text, count = re.subn(rf"^( *){name}.*$", lambda match, line=line: match[1] + line, text, flags=re.M)
        assert count, name
    path = folder / "mine.py"
    path.write_text(text)
    return path


def is_as_shipped() -> bool:
    registered = (list(ATTACKS), list(DEFENCES), list(registry.ATTACKS), list(registry.EVADABLE))
    return registered == SHIPPED and not registry.PLUGINS and not plugins.loaded()


def test_the_examples_are_registered_like_what_ships() -> None:
    with loaded(BLEND, NORM):
        assert ATTACKS["blend"].title == "Blend"
        assert DEFENCES["norm"].evadable
        assert {"blend": digest(BLEND), "norm": digest(NORM)} == registry.PLUGINS
        listing = choices.listing()
        assert listing["attacks"]["blend"]["plugin"] == digest(BLEND)
        assert listing["defenses"]["norm"]["plugin"] == digest(NORM)
        assert "plugin" not in listing["attacks"]["label-flip"]
    assert is_as_shipped()


def test_the_examples_are_read_in_two_minutes() -> None:
    for path in (BLEND, NORM):
        assert len(path.read_text().splitlines()) <= 80


def test_loading_again_changes_nothing() -> None:
    with loaded(BLEND):
        load_plugins([BLEND, BLEND.parent / ".." / "examples" / BLEND.name])
        assert [name for name in ATTACKS if name == "blend"] == ["blend"]


def test_many_may_load_at_a_time() -> None:
    raised: list[BaseException] = []

    def load() -> None:
        try:
            load_plugins([BLEND, NORM])
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    assert list(registry.PLUGINS) == ["blend", "norm"]


def test_the_environment_names_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_PLUGINS", f"{BLEND}:{NORM}")
    load_from_environment()
    assert list(plugins.loaded()) == [BLEND, NORM]


def test_a_file_may_hold_several_records(tmp_path: Path) -> None:
    text = BLEND.read_text().split("RECORD = ")[0] + NORM.read_text().split("INTERFACE = 1")[1]
    head = NORM.read_text().split("INTERFACE = 1")[0].split('"""')[2]
    path = tmp_path / "both.py"
    attack = BLEND.read_text().split("RECORD = ")[1]
    path.write_text(f"{head}{text}\nRECORDS = [RECORD, {attack.rstrip()}]\n")
    with loaded(path):
        assert {"norm": digest(path), "blend": digest(path)} == registry.PLUGINS


# The hash


def spec_of(path: Path, **values: object) -> ExperimentSpec:
    with loaded(path):
        return resolve(parse_spec({"attack": "blend", **values}))


def test_a_byte_of_the_file_changes_the_hash_of_specs(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(BLEND.read_bytes() + b"\n")
    assert spec_of(path).hash != spec_of(BLEND).hash


def test_the_place_of_the_file_does_not(tmp_path: Path) -> None:
    path = Path(shutil.copy(BLEND, tmp_path / "elsewhere.py"))
    assert spec_of(path).to_json() == spec_of(BLEND).to_json()
    with loaded(BLEND, path):  # in both places: the same attack
        assert {"blend": digest(BLEND)} == registry.PLUGINS


def test_a_plugin_that_a_spec_does_not_use_leaves_its_hash_alone() -> None:
    before = resolve(parse_spec({})).hash
    with loaded(BLEND, NORM):
        spec = resolve(parse_spec({}))
        assert (spec.hash, spec.plugins) == (before, ())
        assert "plugins" not in spec.model_dump()


def test_the_defence_to_evade_is_part_of_it() -> None:
    with loaded(NORM):
        spec = resolve(parse_spec({"attack": "label-flip", "evade": "norm"}))
    assert spec.plugins == (("norm", digest(NORM)),)


def test_a_spec_for_another_version_of_the_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    values = spec_of(BLEND).model_dump()
    path = changed(tmp_path, STEPS="STEPS = 5")
    with loaded(path):
        with pytest.raises(SpecError, match="another version of the plug-in 'blend'") as error:
            parse_spec(values)
        assert digest(BLEND)[:16] in str(error.value)
        assert digest(path)[:16] in str(error.value)
        assert parse_spec({**values, "plugins": ()}).plugins == (("blend", digest(path)),)


@pytest.mark.parametrize("values", [{"attack": "blend"}, {"attack": "label-flip", "evade": "norm"}])
def test_a_spec_without_its_plugin_is_refused_in_one_sentence(values: dict[str, str]) -> None:
    with loaded(BLEND, NORM):
        whole = resolve(parse_spec(values)).model_dump()
    with pytest.raises(SpecError, match=r"comes from a plug-in that is not loaded here .* --plugin FILE.py") as error:
        parse_spec(whole)
    assert str(error.value).startswith(repr(values.get("evade", values["attack"])))


@pytest.mark.parametrize("values", [{"attack": "blend"}, {"attack": "label-flip", "evade": "norm"}])
def test_a_stored_spec_is_read_without_its_plugin_but_not_run(values: dict[str, str], tmp_path: Path) -> None:
    with loaded(BLEND, NORM):
        spec = resolve(parse_spec(values))
    read = parse_spec(spec.model_dump(mode="json"), stored=True)
    assert read.hash == spec.hash
    with pytest.raises(SpecError, match="not loaded here"):
        resolve(read)
    other = {"attack": (BLEND, "STEPS"), "evade": (NORM, "INTERFACE")}["evade" if "evade" in values else "attack"]
    path = changed(tmp_path, other[0], **{other[1]: f"{other[1]} = 1  # again"})
    with loaded(path), pytest.raises(SpecError, match="another version"):
        resolve(parse_spec(spec.model_dump(mode="json"), stored=True))


def test_a_description_survives_its_json() -> None:
    with loaded(BLEND):
        description = describe(resolve(parse_spec({"attack": "blend"})))
    assert AttackDescription.from_json(description.to_json()) == description
    assert "x_{\\mathrm{other}}" in description.stages["pixels"].explanation.formula


def test_what_is_kept_is_shown_where_the_plugin_is_not() -> None:
    with loaded(BLEND):
        spec = resolve(parse_spec({"attack": "blend"}))
        known = describe(spec)
    stored = parse_spec(spec.model_dump(mode="json"), stored=True)
    assert isinstance(stored.attack, UnknownAttack)
    assert describe(stored, {"blend": {"sha256": digest(BLEND), "description": known.to_json()}}) == known
    assert describe(stored).title == "blend"


# What is broken

FOR_ANOTHER = f"interface 7, and this is interface {INTERFACE}: adapt it, and set INTERFACE = {INTERFACE} in it."
FIELD = 'share: float = Field(0.5, gt=0, lt=1, title="Share", description="How much.")'
BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "no sentence of Python": ({"STEPS": "STEPS = = 4"}, r", line 22: SyntaxError: invalid syntax\."),
    "an exception": ({"STEPS": "STEPS = 1 / 0"}, r", line 22: ZeroDivisionError: division by zero\."),
    "an exception in a function": (
        {"STEPS": "STEPS = (lambda: {}['four'])()"},
        r", line 22: KeyError: 'four'\.",
    ),
    "a module that is not there": (
        {"STEPS": "import poison_lab_nowhere"},
        r", line 22: ModuleNotFoundError: No module named 'poison_lab_nowhere'\.",
    ),
    "an exit": ({"STEPS": "raise SystemExit(3)"}, r", line 22: SystemExit: 3\."),
    "no record": ({"RECORD": "OTHER = AttackRecord("}, r" has no RECORD: give it one AttackRecord or DefenceRecord"),
    "another thing for a record": ({"    run=run": "run=run,\n)\nRECORD = (4"}, r" has no RECORD: give it"),
    "another interface": ({"INTERFACE": "INTERFACE = 7"}, f" is for {FOR_ANOTHER}"),
    "no interface": ({"INTERFACE": ""}, r" names no interface, and this is interface 1: adapt it"),
    "a name that is taken": ({"name:": 'name: Literal["noise"] = "noise"'}, r": the name 'noise' is taken: choose"),
    "the name of a defence": ({"name:": 'name: Literal["knn"] = "knn"'}, r": the name 'knn' is taken: choose"),
    "no name": ({"name:": ""}, r", line \d+: Blend has no name: give it"),
    "a name for no link": (
        {"name:": 'name: str = "My Blend"'},
        r", line \d+: the name 'My Blend' is not allowed: take",
    ),
    "the name of nothing": ({"name:": 'name: str = "none"'}, r", line \d+: the name 'none' is not allowed: take"),
    "a field too few": (
        {"    title=": ""},
        r", line \d+: TypeError: .*missing 1 required keyword-only argument: 'title'\.",
    ),
    "a field too many": ({"    title=": 'titel="Blend",'}, r", line \d+: TypeError: .*'titel'\.$"),
    "an empty title": ({"    title=": 'title="",'}, r", line \d+: attack 'blend' has no title\."),
    "settings that are none": ({"    settings=": 'settings="blend",'}, r"settings of the attack is 'blend'; it has to"),
    "settings of a defence": (
        {"class Blend": "from core.defences.settings import DefenceSettings\nclass Blend(DefenceSettings):"},
        r"settings of the attack is <class '.*Blend'>; it has to be a class that extends AttackSettings\.",
    ),
    "settings without words": ({'    """Images': ""}, r"the settings of attack 'blend' have no docstring"),
    "a family of its own": (
        {"    family=": 'family="blends",'},
        r"family of attack 'blend' is 'blends'; allowed: base",
    ),
    "no such stage": (
        {'            "pixels",': '"blending",'},
        r", line \d+: stage 'blending' is none of target, stage2",
    ),
    "a stage without an explanation": (
        {"            explain=": "explain=lambda settings: (lambda *_: None)("},
        "no expl",
    ),
    "a stage without work": ({"            work=": ""}, r", line \d+: TypeError: .*missing 1 required .*'work'\."),
    "stages that are none": (
        {"    run=": "run=run,\n)\nfrom dataclasses import replace\nRECORD = replace(\n    RECORD, stages=[4],"},
        r", line \d+: stages of attack 'blend' is \[4\]; it has to be a tuple of Stage\.",
    ),
    "images or not": (
        {"    makes_images": "makes_images=None,"},
        r"makes_images of attack 'blend' is None; allowed: True",
    ),
    "no steps for the report": (
        {"    report_steps": "report_steps=lambda spec: [],"},
        r"'blend' has no report_steps\.",
    ),
    "a runner that is none": ({"    run=": "run=None,"}, r"run of attack 'blend' is no function\."),
    "every constraint excluded": (
        {"    run=": "run=run, excluded_constraints=dict.fromkeys(('none', 'valid', 'perturbation'), 'it is so.'),"},
        r"attack 'blend' leaves no constraint: it excludes all of none, valid, perturbation\.",
    ),
    "every label rule excluded": (
        {"    run=": f"run=run, excluded_label_rules=dict.fromkeys({tuple(LABEL_RULES)}, 'it is so.'),"},
        r"attack 'blend' leaves no label rule: it excludes all of clean",
    ),
    "an unknown constraint excluded": (
        {"    run=": "run=run, excluded_constraints={'all': 'it is so.'},"},
        r"excludes the unknown constraint 'all'; known: none, valid, perturbation\.",
    ),
    "a constraint excluded for nothing": (
        {"    run=": "run=run, excluded_constraints={'none': ''},"},
        r"excludes the constraint 'none' without a reason\.",
    ),
    "no upper bound": (
        {"share:": FIELD.replace(", lt=1", "")},
        r"'share' of attack 'blend' is neither a number with a lo",
    ),
    "no bounds": ({"share:": FIELD.replace("gt=0, lt=1, ", "")}, r"'share' of attack 'blend' is neither a number"),
    "yes or no": ({"share:": FIELD.replace("float", "bool")}, r"'share' of attack 'blend' is neither a number"),
    "no description": (
        {"share:": FIELD.split(", description")[0] + ")"},
        r"'share' of attack 'blend' has no description\.",
    ),
    "no title of a parameter": (
        {"share:": FIELD.replace('title="Share", ', "")},
        r"'share' of attack 'blend' has no title",
    ),
    "no default": (
        {"share:": FIELD.replace("0.5", "...")},
        r"'share' of attack 'blend' has no default that is allowed",
    ),
    "a parameter for which links have a use": (
        {"share:": FIELD.replace("share", "seed", 1)},
        r"'seed' of attack 'blend' has",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_one_sentence(case: str, tmp_path: Path) -> None:
    replacements, words = BROKEN[case]
    path = changed(tmp_path, **{re.escape(name): line for name, line in replacements.items()})
    for _ in range(2):  # asked for again, it says the same
        with pytest.raises(PluginError) as error:
            load_plugins([path])
        text = str(error.value)
        assert text.startswith(f"Plug-in {path}")
        assert re.search(words, text), text
        assert "\n" not in text
        assert text.endswith(".")
        assert is_as_shipped()


DEFENCE = {
    "a name that is taken": ({"name:": 'name: Literal["sphere"] = "sphere"'}, r": the name 'sphere' is taken: choose"),
    "the name of an attack": ({"name:": 'name: Literal["noise"] = "noise"'}, r": the name 'noise' is taken: choose"),
    "no summary": ({"    summary=": 'summary="",'}, r", line \d+: defence 'norm' has no summary\."),
    "nothing that judges": (
        {"    score_function=": ""},
        r"'norm' has 0 of judge, suspicion and score_function; one is",
    ),
    "two that judge": (
        {"    score_function=": "score_function=score_function, judge=print,"},
        r"'norm' has 2 of judge",
    ),
    "held out, but nothing to hold out of": (
        {"    score_function=": "suspicion=print, held_out=print,"},
        r"held_out of defence 'norm' is no function, or there is no score_function",
    ),
    "what does not judge": ({"    score_function=": "score_function=4,"}, r"'norm' has 0 of judge"),
    "no share to remove": (
        {"from core.defences.settings": "from core.defences.settings import DefenceSettings as RankedSettings"},
        "do not extend RankedSettings",
    ),
    "a parameter without bounds": (
        {
            "name:": 'name: str = "norm"; p: float = Field(2.0, description="Of the norm.")',
            "from typing": "from pydantic import Field; from typing import TYPE_CHECKING, Literal",
        },
        r"'p' of defence 'norm' is neither a number",
    ),
}


@pytest.mark.parametrize("case", DEFENCE)
def test_a_broken_defence_is_one_sentence(case: str, tmp_path: Path) -> None:
    replacements, words = DEFENCE[case]
    path = changed(tmp_path, NORM, **{re.escape(name): line for name, line in replacements.items()})
    with pytest.raises(PluginError) as error:
        load_plugins([path])
    assert re.search(words, str(error.value)), str(error.value)
    assert "\n" not in str(error.value)
    assert is_as_shipped()


@pytest.mark.parametrize(
    ("replacement", "words"),
    [
        (
            {"            explain=": "explain=lambda settings: [Explanation][int(settings.share > 0.5)]("},
            "IndexError: list index",
        ),
        (
            {"            work=": "work=lambda settings, load: 1 / (settings.share < 0.7),"},
            "ZeroDivisionError: division by zero",
        ),
        (
            {"    report_steps=": "report_steps=lambda spec: ['Blend.'] if spec.attack.share < 0.7 else [],"},
            "RecordError: attack 'blend' has no report_steps",
        ),
        ({"    name:": 'name: str = "blend"; unread = lambda self, rule: {"nothing"}'}, "KeyError: 'nothing'"),
    ],
)
def test_a_record_that_fails_with_some_settings_is_one_sentence(
    replacement: dict[str, str], words: str, tmp_path: Path
) -> None:
    replacement = {re.escape(name.strip()): line for name, line in replacement.items()}
    path = changed(tmp_path, **replacement)
    with loaded(path):
        spec = parse_spec({"attack": {"name": "blend", "share": 0.9}})
        with pytest.raises(SpecError, match=re.escape(words)) as error:
            resolve(spec)
    assert str(error.value).startswith("The attack 'blend' can't be described with these settings: ")
    assert "\n" not in str(error.value)


def test_a_second_record_that_fails_takes_the_first_one_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(BLEND.read_text() + "\nRECORDS = [RECORD, RECORD]\n")
    with pytest.raises(PluginError, match="the name 'blend' is taken"):
        load_plugins([path])
    assert is_as_shipped()


def test_one_that_is_broken_leaves_those_before_it(tmp_path: Path) -> None:
    with loaded(BLEND):
        with pytest.raises(PluginError, match="ZeroDivisionError"):
            load_plugins([NORM, changed(tmp_path, STEPS="STEPS = 1 / 0")])
        assert list(registry.PLUGINS) == ["blend", "norm"]


@pytest.mark.parametrize(("name", "reason"), [("none.py", "No such file or directory"), (".", "Is a directory")])
def test_what_can_not_be_read_is_said(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=rf"can't be read \({reason}\); name a Python file\."):
        load_plugins([tmp_path / name])
    assert is_as_shipped()


@pytest.mark.parametrize("content", [b"\x00\x01", b"\xff\xfe RECORD = 1", "é".encode("latin-1")])
def test_what_is_no_text_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    with pytest.raises(PluginError, match=rf"Plug-in {path}.*: SyntaxError: ") as error:
        load_plugins([path])
    assert "\n" not in str(error.value)


def test_a_file_that_has_changed_since_it_was_loaded_is_said(tmp_path: Path) -> None:
    path = Path(shutil.copy(BLEND, tmp_path / "mine.py"))
    with loaded(path):
        path.write_bytes(path.read_bytes() + b"\n")
        with pytest.raises(PluginError, match="has changed since it was loaded: start again to use it as it is now"):
            load_plugins([path])
        path.write_bytes(BLEND.read_bytes())
        load_plugins([path])


def test_what_is_mended_is_loaded(tmp_path: Path) -> None:
    path = changed(tmp_path, STEPS="STEPS = 1 / 0")
    with pytest.raises(PluginError):
        load_plugins([path])
    shutil.copy(BLEND, path)
    with loaded(path):
        assert "blend" in ATTACKS


def test_what_a_plugin_prints_is_not_the_output_of_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with loaded(changed(tmp_path, STEPS="STEPS = 4; print('hello')")):
        assert capsys.readouterr() == ("", "hello\n")
