"""What must start fast, or serve many people from one process, loads no torch; what has no page loads no streamlit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.spec import registry
from core.system import paths
from core.system.paths import ROOT

HEAVY = ("torch", "streamlit")
COMPILERS = ("torch._dynamo", "torch._inductor", "sympy", "numba")
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


ATTACKS = """
import json, sys
import torch
from core.attacks.algorithms import decoders
from core.attacks.execution import execute
from core.attacks.registry import RECORDS
from core.heads import reachability
from core.spec.events import silent
from tests import tiny

decoders.PIXEL_STEPS = decoders.BOTH_STEPS = 2
loaded, scene = {}, tiny.scene()

def look(name):
    loaded[name] = [module for module in json.loads(sys.argv[1]) if module in sys.modules]

for name in RECORDS:
    execute(tiny.spec(name), scene, silent)
    look(name)
theta, low, high = scene.clean_head, scene.z.amin(0), scene.z.amax(0)
reachability.certificate(theta, 0.1 * torch.ones_like(theta), low, high, scene.ridge)
look("a certificate of a target")
import sympy
look("what is there to be seen")
print(json.dumps(loaded))
"""


def test_no_attack_loads_a_compiler(tmp_path: Path) -> None:
    """It would take one to two seconds of the first run of each process."""
    environment = {**paths.environment(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ATTACKS, json.dumps(COMPILERS)]
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    loaded = json.loads(output.stdout)
    assert "sympy" in loaded.pop("what is there to be seen")
    assert len(loaded) == len(registry.ATTACKS) + 1
    assert [name for name, modules in loaded.items() if modules] == []
