"""The compose files, as far as they can be judged without a daemon: their published schema, and what they say."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.system.paths import ROOT
from core.system.settings import Settings, variable

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text())
FILES = ("compose.yaml", "compose.gpu.yaml")
# The image says where everything lies and how it logs; plug-ins are mounted by hand.
NOT_PASSED_ON = {"POISON_LAB_PLUGINS", "POISON_LAB_LOG"}


def content(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return document


def merged(base: Any, over: Any) -> Any:
    """A document with one on top, as compose merges mappings; there are no lists that both have."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merged(base[key], value) if key in base else value for key, value in over.items()}
    assert not isinstance(base, list)
    return over


def interpolated(text: str, **variables: str) -> str:
    """Text in which `${NAME:-DEFAULT}` is replaced, as compose does."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: variables.get(match[1]) or match[2], text)


@pytest.fixture
def gpu() -> dict[str, Any]:
    return dict(merged(content("compose.yaml"), content("compose.gpu.yaml"))["services"]["lab"])


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_the_published_schema_allows(name: str) -> None:
    problems = jsonschema.Draft202012Validator(SCHEMA).iter_errors(content(name))
    assert [f"{list(problem.path)}: {problem.message}" for problem in problems] == []


def test_the_schema_finds_what_is_wrong() -> None:
    wrong = content("compose.yaml")
    wrong["services"]["lab"]["restrat"] = "always"
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong)


def test_both_together_are_what_the_schema_allows(gpu: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate({"services": {"lab": gpu}})
    [device] = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert gpu["volumes"] == ["data:/data"]
    assert gpu["image"] != content("compose.yaml")["services"]["lab"]["image"], "one must not stand in for the other"


def test_torch_comes_for_the_cpu_or_with_cuda(gpu: dict[str, Any]) -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    cpu = content("compose.yaml")["services"]["lab"]["build"]["args"]
    assert list(cpu) == list(gpu["build"]["args"]) == re.findall(r"^ARG (\w+)=$", recipe, re.M)
    assert interpolated(cpu["TORCH_INDEX"]) == "https://download.pytorch.org/whl/cpu"
    assert interpolated(gpu["build"]["args"]["TORCH_INDEX"]) == ""
    assert interpolated(gpu["build"]["args"]["TORCH_INDEX"], TORCH_INDEX="https://x.example") == "https://x.example"


def test_settings_are_passed_on_by_their_names(gpu: dict[str, Any]) -> None:
    set_by_image = set(re.findall(r"(POISON_LAB_\w+)=", (ROOT / "Dockerfile").read_text()))
    named = {name for name in gpu["environment"] if name.startswith("POISON_LAB_")}
    assert named == {variable(name) for name in Settings.model_fields} - NOT_PASSED_ON - set_by_image


def test_it_is_open_to_this_machine_alone_and_keeps_its_data(gpu: dict[str, Any]) -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    [port] = [interpolated(port) for port in gpu["ports"]]
    [inside] = re.findall(r"^EXPOSE (\d+)$", recipe, re.M)
    assert port == f"127.0.0.1:8501:{inside}"
    [volume] = re.findall(r"^VOLUME (\S+)$", recipe, re.M)
    assert gpu["volumes"] == [f"data:{volume}"]
    assert "data" in content("compose.yaml")["volumes"]
