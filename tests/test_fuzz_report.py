"""What the report on fuzzing says of inputs, without a fuzzer."""

import json
import random
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.__main__ import Recorder, slightly_changed
from tests.fuzz.report import junk, reach


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_inputs_that_pass_the_first_check_are_counted() -> None:
    sound = b'{"seed": 3}'
    result = reach(targets.spec, [sound, b"{", b"\xff", b'{"seed": -1}', b"[1]"])
    assert (result.inputs, result.past) == (5, 2), "what is no object has no field to be wrong"
    assert 0 < result.reached["core/spec/experiment.py"] <= result.lines["core/spec/experiment.py"]
    refused = reach(targets.spec, junk())
    assert refused.past == 0
    assert result.as_text(1)[0].endswith("core/spec/experiment.py")


def test_an_image_whose_end_is_missing_has_passed_the_first_check() -> None:
    (image,) = targets.seeds("image")[:1]
    result = reach(targets.image, [image, image[: len(image) * 3 // 4], b"GIF"])
    assert (result.inputs, result.past) == (3, 2)


def test_sound_input_is_changed_only_a_little() -> None:
    sound = b'{"seed": 12, "data": "mnist"}'
    changed = [slightly_changed([sound], random.Random(seed)) for seed in range(50)]
    assert all(json.loads(data) is not None for data in changed)
    assert all(1 <= sum(a != b for a, b in zip(sound, data, strict=True)) <= 4 for data in set(changed) - {sound})
    assert len(set(changed)) > 30
    assert slightly_changed([b""], random.Random(0)) == b""


def test_a_record_survives_a_crash_and_keeps_it_once(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()

    def target(data: bytes) -> None:
        assert data != b"7", "seven"

    recorder = Recorder(target, lambda: 4, tmp_path)
    for number in range(10):
        for _ in range(2):
            recorder(str(number).encode())
    recorder.write()
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert (counts["inputs"], counts["past"]) == (20, 4)
    [(where, words)] = counts["crashes"].items()
    assert where.startswith("AssertionError at ")
    assert words.startswith("seven")
    assert (tmp_path / words.partition("(")[2].rstrip(")")).read_bytes() == b"7"
    assert len(list((tmp_path / "sample").iterdir())) == 20
