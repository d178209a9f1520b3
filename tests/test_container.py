"""The container's recipe, as far as it can be judged without building it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.system.paths import ROOT

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def recipe() -> list[Instruction]:
    """Every instruction with its text, lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, text) for name, text in pairs]


def of(recipe: list[Instruction], name: str) -> list[str]:
    return [text for found, text in recipe if found == name]


def hadolint() -> str | None:
    return shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.skipif(hadolint() is None, reason="hadolint is not installed")
def test_the_linter_has_nothing_to_say() -> None:
    found = subprocess.run([str(hadolint()), str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (found.stdout + found.stderr, found.returncode) == ("", 0)


def test_python_is_one_that_the_project_takes(recipe: list[Instruction]) -> None:
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert {text.split()[0] for text in of(recipe, "FROM")} == {f"python:{oldest}-slim"}


def test_it_runs_as_a_person_without_rights_who_can_write_to_the_volume(recipe: list[Instruction]) -> None:
    assert of(recipe, "USER") == ["1000"]
    assert any("useradd --create-home --uid 1000 lab" in text for text in of(recipe, "RUN"))
    names = [name for name, _ in recipe]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in {"RUN", "COPY"})
    assert of(recipe, "VOLUME") == ["/data"]
    assert "POISON_LAB_HOME=/data" in of(recipe, "ENV")[-1]
    assert any("--owner=lab" in text and text.endswith("/data") for text in of(recipe, "RUN"))


def test_it_checks_itself_where_it_listens(recipe: list[Instruction]) -> None:
    command = json.loads(of(recipe, "CMD")[-1])
    port = command[command.index("--port") + 1]
    assert of(recipe, "EXPOSE") == [port]
    [check] = of(recipe, "HEALTHCHECK")
    assert f"http://127.0.0.1:{port}/ready" in check
    compile(json.loads(check.partition("CMD ")[2])[2], "HEALTHCHECK", "exec")


def test_torch_comes_from_where_it_is_asked_for_and_as_it_is_pinned(recipe: list[Instruction]) -> None:
    assert of(recipe, "ARG") == ["TORCH_INDEX="]
    [install] = [text for text in of(recipe, "RUN") if "pip install" in text]
    [pattern] = re.findall(r"grep -E '([^']+)'", install)
    found = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if re.match(pattern, line)]
    assert [line.partition("==")[0] for line in found] == ["torch", "torchvision"]
    assert install.count("pip install") == install.count("--no-cache-dir") == 2
    assert "--constraint /tmp/constraints.txt" in install.rpartition("pip install")[2], "the rest comes as pinned"


def test_the_image_holds_what_runs_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_in >= {"app.py", "core", "pages", "assets", ".streamlit", "requirements.txt", "constraints.txt"}
    assert not let_in & {".venv", ".git", ".poison_lab", "runs", "tests"}
    assert [name for name in let_in if not (ROOT / name).exists()] == []


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A path on which there is nothing but a shell and make."""
    for name in ("sh", "make"):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (tmp_path / name).symlink_to(found)
    return tmp_path


def make(tools: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(tools / "make"), "--no-print-directory", "container", *arguments]
    return subprocess.run(command, cwd=ROOT, env={"PATH": str(tools)}, capture_output=True, text=True)


def tool(tools: Path, name: str, info: int) -> None:
    (tools / name).write_text(f'#!/bin/sh\n[ "$1" = info ] && exit {info}\necho "got $*"\n')
    (tools / name).chmod(0o755)


def test_without_a_tool_a_sentence_says_so(tools: Path) -> None:
    done = make(tools)
    assert done.stdout == "A container is built by docker or podman, and neither is here: install one of them.\n"
    assert done.returncode == 2


def test_a_tool_that_does_not_answer_is_said(tools: Path) -> None:
    tool(tools, "docker", info=1)
    done = make(tools)
    assert done.stdout.endswith("is here but doesn't answer: start its service, or ask for the right to use it.\n")
    assert done.returncode == 2


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_the_tool_that_is_there_builds(name: str, tools: Path) -> None:
    tool(tools, name, info=0)
    done = make(tools, "TORCH_INDEX=https://wheels.example/cpu")
    build = "build --build-arg TORCH_INDEX=https://wheels.example/cpu --tag poison-lab ."
    assert done.stdout.splitlines() == [f"{tools / name} {build}", f"got {build}"]
    assert done.returncode == 0
    assert make(tools).stdout.splitlines()[-1] == "got build --tag poison-lab ."
