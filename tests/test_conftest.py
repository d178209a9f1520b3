"""What the tests' own set-up says of a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.system.paths import ROOT

pytestmark = pytest.mark.processes
FAILING = """import pytest


def look() -> None:
    raise AssertionError("not to be seen\\n" + "a page\\n" * 100)


def test_look() -> None:
    look()


@pytest.fixture
def broken() -> None:
    raise OSError("no room")


def test_room(broken: None) -> None:
    pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_the_last_lines_say_where_and_why_it_failed(tmp_path: Path, workers: tuple[str, ...]) -> None:
    file = tmp_path / "test_page.py"
    file.write_text(FAILING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        f"--rootdir={tmp_path}",
        str(file),
        *workers,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "test_page.py::test_look: line 9: AssertionError: not to be seen",
        "test_page.py::test_room: line 14: OSError: no room",
    ]
