"""What helps people who work on the project: the list that `make` prints, hooks before a commit, the fault report."""

import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from core.cli.main import cli
from core.system.paths import ROOT

GROUPS = ["Use", "Develop", "Test", "Maintain"]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    """What make prints, also where these tests are run by make, whose settings would print more."""
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout


@needs_make
def test_make_lists_every_target_once_in_groups() -> None:
    """With a sentence each, made from the comments of the Makefile; a target without one would be missing here."""
    listing = make("help")
    assert listing == make()
    assert [line for line in listing.splitlines() if re.fullmatch(r"[A-Z]\w+", line)] == GROUPS
    listed = re.findall(r"^  make ([a-z-]+) +\S.*$", listing, re.M)
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert sorted([*listed, "help"]) == sorted(phony.split())


@needs_make
def test_hooks_are_what_make_lint_runs() -> None:
    """In the same order; make adds to one of them what to do where it fails."""
    recipe = make("--dry-run", "--old-file", ".venv/.dev", "lint")
    commands = [line.partition(" || ")[0] for line in recipe.splitlines()]
    assert len(commands) == 4
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == commands
    for hook in repository["hooks"]:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)


@pytest.fixture
def template() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yml").read_text())


def test_the_fault_report_is_a_form(template: dict[str, Any]) -> None:
    assert {"name", "description", "body"} <= template.keys()
    fields = [field for field in template["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} == {"textarea"}
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_fault_report_asks_for_the_output_of_a_command_that_there_is(template: dict[str, Any]) -> None:
    (doctor,) = [field for field in template["body"] if field.get("id") == "doctor"]
    assert doctor["validations"]["required"]
    named = re.findall(r"`(?:\.venv/bin/python -m core|poison-lab) ([a-z-]+)`", doctor["attributes"]["description"])
    assert named == ["doctor", "doctor"]
    commands = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    assert set(named) <= commands


def test_browser_tests_look_for_what_is_shown() -> None:
    """A page's own `get_by_text` finds, now and then, the region that says its words again to a screen reader."""
    files = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "tests" / "browser").rglob("test_*.py")}
    by_streamlit = {
        path: text
        for path, text in files.items()
        if "tests.browser.server" in text or "tests.browser import server" in text
    }
    assert len(by_streamlit) > 20
    assert {path for path, text in by_streamlit.items() if re.search(r"\bpage\.get_by_text\(", text)} == set()
