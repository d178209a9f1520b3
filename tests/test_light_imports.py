"""What must start fast, or serve many people from one process, loads no torch; what has no page loads no streamlit."""

import json
import subprocess
import sys

import pytest

from core.system.paths import ROOT

HEAVY = ("torch", "streamlit")
STEPS = {
    "help of every command": "from core.cli.main import COMMANDS, main; [main([name, '--help']) for name in COMMANDS]",
    "list": "from core.cli.main import main; main(['list'])",
    "differences of specs": "import core.catalog.differences",
    "comparison": "import core.presentation.comparison",
    "story": "import core.presentation.story",
    "report": "import core.presentation.report",
    "server side": "import core.serving.engine, core.serving.metrics, core.serving.middleware, core.serving.nodelay",
}
"""Lightest first: they run one after the other in one process, where what one has loaded stays."""
PROGRAM = """
import contextlib, json, os, sys
steps, heavy, loaded = json.loads(sys.argv[1]), json.loads(sys.argv[2]), {}
for name, code in steps.items():
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        exec(code, {})
    loaded[name] = [module for module in heavy if module in sys.modules]
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """The heavy modules that are there after each step."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(STEPS), json.dumps(HEAVY)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(output.stdout))


@pytest.mark.parametrize("step", STEPS)
def test_nothing_heavy_is_loaded(step: str, loaded: dict[str, list[str]]) -> None:
    assert loaded[step] == []


def test_what_is_heavy_would_be_seen() -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps({"torch": "import torch"}), json.dumps(HEAVY)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(output.stdout) == {"torch": ["torch"]}
