"""The development container, as far as it can be judged without building it."""

import inspect
import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from core.cli.app import app
from core.system.paths import ROOT

CI = (ROOT / ".ci" / "run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    return content


def test_python_is_the_oldest_that_the_project_takes(recipe: dict[str, Any]) -> None:
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(rf"mcr\.microsoft\.com/devcontainers/python:{re.escape(oldest)}-[a-z]+", recipe["image"])


def test_it_is_set_up_by_a_target_that_installs_what_tests_need(recipe: dict[str, Any]) -> None:
    command, target = recipe["postCreateCommand"].split()
    assert command == "make"
    assert re.search(rf"^{target}: \$\(VENV\)/\.dev ##", MAKEFILE, re.M)
    [phony] = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.M)
    assert target in phony.split()
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_brings_the_packages_of_debian_that_a_clean_checkout_needs(recipe: dict[str, Any]) -> None:
    needed = set(re.findall(r"missing\+=\((\S+)\)", CI)) - {"python3-venv"}  # its Python has venv
    assert needed
    assert needed <= set(recipe["onCreateCommand"].split())


def test_the_port_is_that_of_the_app(recipe: dict[str, Any]) -> None:
    port = inspect.signature(app).parameters["port"].default
    assert recipe["forwardPorts"] == [port]
    assert list(recipe["portsAttributes"]) == [str(port)]


def test_the_interpreter_is_that_of_make(recipe: dict[str, Any]) -> None:
    path = recipe["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    [venv] = re.findall(r"^VENV := (\S+)$", MAKEFILE, re.M)
    assert path == f"${{containerWorkspaceFolder}}/{venv}/bin/python"
