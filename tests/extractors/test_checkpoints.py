"""Dictionaries inside weights files, however they are nested."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.extractors.checkpoints import read
from core.system.errors import WeightsError
from tests.checkpoints import saved

ONE = torch.ones(1)


def test_all_dictionaries_are_found_and_all_tensors_counted(tmp_path: Path) -> None:
    content = {
        "epoch": 3,
        "top": ONE,
        "teacher": {"backbone": {"a": ONE, "b": ONE}, "head": {"c": ONE}},
        "optimizer": {"state": {0: {"exp_avg": ONE, "step": ONE}}, "param_groups": [{"lr": 0.1, "buffers": [ONE]}]},
    }
    checkpoint = read(saved(tmp_path / "w.pth", content))
    places = {found.place: set(found.tensors) for found in checkpoint.dictionaries}
    assert places == {"": {"top"}, "teacher/backbone": {"a", "b"}, "teacher/head": {"c"}}
    assert checkpoint.counts == {"teacher": 3, "optimizer": 3}


def test_a_file_that_holds_itself_ends(tmp_path: Path) -> None:
    content: dict[str, Any] = {"a": ONE}
    content["itself"] = content
    checkpoint = read(saved(tmp_path / "w.pth", content))
    assert [found.place for found in checkpoint.dictionaries] == [""]


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {0: ONE}, ONE, "text"])
def test_a_file_without_named_tensors_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no dictionary of tensors"):
        read(saved(tmp_path / "w.pth", content))
