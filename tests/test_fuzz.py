"""The targets of fuzzing, by Hypothesis: any JSON, any link, and sound files of which some bytes are others."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.extractors import overrides
from core.spec.experiment import ExperimentSpec
from core.spec.registry import ATTACKS
from pages import _state
from tests.fuzz import targets
from tests.pictures import picture

QUICK = settings(
    derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FEW = settings(QUICK, max_examples=12)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
ANY = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
FIELDS = st.sampled_from([*ExperimentSpec.model_fields, "other"])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))


@QUICK
@given(values=st.dictionaries(FIELDS, ANY, max_size=4), attack=st.sampled_from([*ATTACKS]) | ANY)
def test_any_json_is_a_spec_or_refused(values: dict[str, Any], attack: Any) -> None:
    targets.spec(json.dumps({**values, "attack": attack}).encode())


VALUES = st.text(max_size=15) | st.integers().map(str) | st.floats().map(str)


@QUICK
@given(query=st.dictionaries(st.sampled_from([*_state.all_keys(), "x"]), VALUES, max_size=5))
def test_any_link_is_a_state_that_can_be_run(query: dict[str, str]) -> None:
    targets.link(urlencode(query).encode())


def changed(sound: bytes) -> st.SearchStrategy[bytes]:
    """A file of which a few bytes are others, or the end is missing."""

    def change(edits: list[tuple[int, int]], end: int) -> bytes:
        content = bytearray(sound)
        for place, value in edits:
            content[place] = value
        return bytes(content[: len(content) - end])

    edit = st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255))
    return st.builds(change, st.lists(edit, max_size=6), st.integers(0, len(sound) // 2) | st.just(0))


@FEW
@given(data=changed(picture(0)))
def test_a_broken_image_leaves_nothing(data: bytes) -> None:
    targets.image(data)


def with_changed_list(sound: bytes) -> st.SearchStrategy[bytes]:
    """A zip of which only the list of files is broken."""
    begin = sound.index(b"PK\1\2")
    return changed(sound[begin:]).map(lambda listed: sound[:begin] + listed)


@QUICK
@given(data=st.one_of(*map(with_changed_list, targets.seeds("images"))))
def test_a_broken_list_of_a_zip_leaves_nothing(data: bytes) -> None:
    targets.images(data)


@pytest.mark.parametrize(
    ("name", "examples"),
    [("tree", 300), ("layout", 30), ("archive", 100), ("pixels", 300), ("entries", 300), ("options", 300)],
)
def test_what_is_built_of_any_bytes_is_read_or_refused(name: str, examples: int) -> None:
    """And half of it is past the first check, so that the check is not all that is tried."""
    before, tried = targets.REACHED[name], 0

    @settings(QUICK, max_examples=examples)
    @given(data=st.binary(min_size=20, max_size=120))
    def attempt(data: bytes) -> None:
        nonlocal tried
        tried += 1
        targets.TARGETS[name](data)

    attempt()
    assert targets.REACHED[name] - before >= tried / 2


@QUICK
@given(data=st.one_of(*map(changed, targets.seeds("weights")), st.binary(max_size=200)))
def test_broken_weights_are_refused(data: bytes) -> None:
    targets.weights(data)


OPTION = st.sampled_from([*overrides.ALLOWED, "x"])
SAID = st.sampled_from(["12", "gelu", "0.5,0.5,0.5", "ema", "a.b.", "true", "", "nan,0,0", "1e-400,1,1"])


@QUICK
@given(pairs=st.lists(st.tuples(OPTION, SAID | st.text(max_size=12)), max_size=3))
def test_any_options_of_a_weights_file_come_back_or_are_refused(pairs: list[tuple[str, str]]) -> None:
    # The first byte chooses that the others are the text.
    targets.options(b"\0" + "&".join("=".join(pair) for pair in pairs).encode())
    targets.options(b"\0" + urlencode(pairs).encode())
