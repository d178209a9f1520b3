"""Who writes Python takes part by real commands: a plug-in runs on their machine, and what it made is handed in."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.attacks.registry import RECORDS
from core.challenge import folder
from core.challenge.folder import Challenge
from core.challenge.judging import judge
from core.challenge.people import join
from core.challenge.submissions import all_submissions
from core.challenge.verdicts import verdict_of
from core.presentation.export import images_zip
from core.storage.runs import load
from core.system import paths
from core.system.numbers import fixed
from core.system.paths import ROOT
from tests.apps import opened, own_store, rerun, shown_text
from tests.challenge.conftest import opened as opened_challenge
from tests.plugins import BLEND

pytestmark = pytest.mark.processes

RULES = {"train_size": 100, "test_size": 60, "budget": 0.1, "label_rule": "chosen"}


def command(home: Path, *arguments: object) -> str:
    """What a command prints on a machine of its own."""
    line = [sys.executable, "-m", "core", *map(str, arguments)]
    done = subprocess.run(line, cwd=ROOT, env=paths.environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the plug-in on a student's machine, with what it hands in: p.npz and p.zip."""
    home = tmp_path_factory.mktemp("own-machine")
    options = ["--train-size", 100, "--test-size", 60, "--budget", 0.1, "--label-rule", "chosen"]
    options += ["--plugin", BLEND, "--attack", "blend", "--set", "share=0.9", "--device", "cpu", "--quiet"]
    command(home, "run", *options, "--out", home / "run")
    assert "10 poisoned samples" in command(home, "challenge", "pack", home / "run", home / "p.npz")
    (home / "p.zip").write_bytes(images_zip(load(home / "run")))
    return home


@pytest.fixture
def challenge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    """On the server, which knows no plug-in."""
    own_store(tmp_path, monkeypatch)
    assert "blend" not in RECORDS
    return opened_challenge(experiment=RULES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p.npz", "p.zip"])
def test_what_a_plug_in_made_is_worth_the_same_by_command_and_on_the_page(
    name: str, made: Path, challenge: Challenge
) -> None:
    said = command(paths.home(), "challenge", "judge", made / name, "--code", challenge.code, "--device", "cpu")
    [damage] = re.findall(r"damage (-?[\d.]+) points", said)
    _, key = join(challenge, "Ada")
    app = opened("challenge.py", code=challenge.code, me=key)
    app.file_uploader(key="hand-in-file").set_value((name, (made / name).read_bytes(), "application/octet-stream"))
    rerun(app)
    rerun(app.button(key="hand-in-poison").click())
    assert "Confirmed" in "".join(success.value for success in app.success)
    [entry] = all_submissions(challenge)
    assert (entry.kind, entry.file, entry.attack) == ("poison", name, None)
    judge(challenge.code, entry.id, device="cpu")
    verdict = verdict_of(challenge, entry.id)
    assert verdict is not None
    assert (verdict.state, fixed(verdict.damage)) == ("judged", damage)
    assert f"{damage} points" in shown_text(opened("challenge.py", code=challenge.code, me=key))


def test_no_code_comes_along(made: Path, challenge: Challenge) -> None:
    """Neither the file of the plug-in nor its name: what is kept are numbers."""
    _, key = join(challenge, "Ada")
    app = opened("challenge.py", code=challenge.code, me=key)
    app.file_uploader(key="hand-in-file").set_value(("p.npz", (made / "p.npz").read_bytes(), ""))
    rerun(app)
    rerun(app.button(key="hand-in-poison").click())
    [entry] = all_submissions(challenge)
    judge(challenge.code, entry.id, device="cpu")
    kept = [path for path in challenge.folder.rglob("*") if path.is_file() and path.suffix not in (".lock", "")]
    assert {path.suffix for path in kept} == {".json", ".npz"}
    for path in kept:
        assert b"blend" not in path.read_bytes().lower(), path
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert set(arrays.files) <= {"x", "z", "y", "base_index"}
                assert all(arrays[part].dtype.kind in "iuf" for part in arrays.files)
    assert json.loads((made / "run" / "result.json").read_text())["spec"]["plugins"], "the run itself names its plug-in"


def test_the_file_of_a_plug_in_is_refused(challenge: Challenge) -> None:
    """As poison: the page takes no such file, and a name that looks right does not help."""
    _, key = join(challenge, "Ada")
    app = opened("challenge.py", code=challenge.code, me=key)
    assert set(app.file_uploader(key="hand-in-file").proto.type) == {".zip", ".npz"}
    app.file_uploader(key="hand-in-file").set_value(("attack.npz", BLEND.read_bytes(), ""))
    rerun(app)
    rerun(app.button(key="hand-in-poison").click())
    assert "can't be read" in shown_text(app)
    assert all_submissions(challenge) == []
    assert folder.find(challenge.code) == challenge
