"""What docs/extending.md says of attacks and defences that become part of the project: each is one file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.system.paths import ROOT
from tests.plugins import BLEND, NORM


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the examples where what ships has its place, and nothing else changed."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("assets", "docs", "pages", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(BLEND, folder / "core" / "attacks" / "blend.py")
    shutil.copy(NORM, folder / "core" / "defences" / "norm.py")
    return folder


def ran(project: Path, *command: str) -> str:
    """The output of a command of that copy."""
    environment = {**os.environ, "PYTHONPATH": str(project), "POISON_LAB_HOME": str(project / "home")}
    environment |= {"POISON_LAB_PLUGINS": "", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_are_listed_where_they_belong(project: Path) -> None:
    listing = json.loads(ran(project, "-m", "core", "list", "--json"))
    attacks, defences = list(listing["attacks"]), list(listing["defenses"])
    assert attacks.index("best-input") + 1 == attacks.index("blend") == attacks.index("tgda-feature") - 1
    assert defences[-1] == "norm"
    assert "plugin" not in listing["attacks"]["blend"]


@pytest.mark.processes
def test_it_runs_evades_and_reports_like_the_others(project: Path) -> None:
    sizes = ["--train-size", "40", "--test-size", "20", "--budget", "0.1", "--quiet"]
    commands = [
        ["run", "--attack", "blend", "--evade", "norm", *sizes, "--out", "run"],
        ["report", "run", "--out", "report.html"],
        ["defend", "run", "--with", "norm"],
    ]
    # In one process, as importing everything takes most of the time.
    code = f"import sys; from core.cli.main import main; sys.exit(max(main(command) for command in {commands!r}))"
    output = ran(project, "-c", code)
    result = json.loads((project / "run" / "result.json").read_text())
    assert "plugins" not in result["spec"]
    assert "plugins" not in result
    assert "Blend training images with the nearest images of other classes." in (project / "report.html").read_text()
    assert "norm" in output.partition("report.html")[2]


def test_every_page_that_lists_them_has_them(project: Path) -> None:
    code = (
        "from pages import _sidebar_controls, _state; import core.experiments.cost as cost; "
        "from core.spec.experiment import parse_spec; from core.catalog.choices import resolve; "
        "print(_state.control('attack', {}).options['blend'], _state.control('evade', {}).options['norm'], "
        "_sidebar_controls.parameter_words('share', 'blend')[0], "
        "cost.estimate(resolve(parse_spec({'attack': 'blend'})))['pixels'] > 0)"
    )
    assert ran(project, "-c", code).split("\n")[-2] == "Blend Norm Share True"


def test_pages_stay_free_of_torch(project: Path) -> None:
    code = "import sys, core; from pages import _state; _state.defaults(); print('torch' in sys.modules)"
    assert ran(project, "-c", code) == "False\n"
