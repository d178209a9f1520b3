"""`list`."""

import json
from pathlib import Path

import pytest

from core.catalog import choices
from core.cli.main import main
from core.data.registry import DATA


def test_list_as_json_is_the_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == choices.listing()


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    result = choices.listing()
    for kind in ("data", "extractors", "attacks", "constraints", "label_rules"):
        assert all(f"\n  {name} " in printed for name in result[kind])


def test_list_says_which_data_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "cifar-10-python.tar.gz").touch()
    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["cifar10"].endswith("CIFAR-10: on this machine")
    assert f"not on this machine; put cifar-100-python.tar.gz into {home / 'data'}" in lines["cifar100"]
    assert lines["mnist"].endswith(DATA["mnist"].title)
