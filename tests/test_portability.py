"""What core needs of Linux: nothing at import, and where a function needs it, docs/portability.md lists it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.system.paths import ROOT

HIDDEN_MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty")
"""Modules of Python that Windows lacks."""
HIDDEN_FUNCTIONS = (
    *("fork", "forkpty", "getuid", "geteuid", "getgid", "link", "mkfifo", "nice", "posix_spawn", "sched_getaffinity"),
    *("sched_setaffinity", "setsid", "sysconf", "killpg", "getpgid", "fchmod", "O_NOFOLLOW", "O_DIRECTORY"),
)
"""Names of `os` that Windows, macOS or both lack."""

ELSEWHERE = f"""
import builtins, contextlib, importlib, io, os, pathlib, pkgutil, sys

# Libraries adapt to the system by its name, which stays that of this one: they are imported before.
import cleanlab, distributed, numba, pandas, plotly, psutil, safetensors.torch, scipy.sparse, sklearn.linear_model
import dask.system, jinja2, platformdirs, pydantic_settings, timm, torch, torchvision, typer, yaml
assert not [name for name in sys.modules if name == "core" or name.startswith("core.")]

for name in {HIDDEN_MODULES}:
    sys.modules[name] = None
for name in {HIDDEN_FUNCTIONS}:
    if hasattr(os, name):
        delattr(os, name)
def hidden(place):
    return isinstance(place, (str, os.PathLike)) and os.fspath(place).startswith(("/proc", "/dev/fd", "/sys"))
def hiding(function):
    def call(place, *rest, **options):
        if hidden(place) and not sys._getframe(1).f_globals["__name__"].startswith(("psutil", "dask", "distributed")):
            raise FileNotFoundError(2, "no such file", os.fspath(place))
        return function(place, *rest, **options)
    return call
builtins.open, os.open, os.listdir = hiding(builtins.open), hiding(os.open), hiding(os.listdir)
io.open = builtins.open

import core
names = [module.name for module in pkgutil.walk_packages(core.__path__, "core.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
"""The beginning of a program on a system that has less than Linux."""


def elsewhere(code: str, tmp_path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + code], cwd=ROOT, capture_output=True, text=True, env=environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "POISON_LAB_HOME": str(tmp_path / "home"), "POISON_LAB_PLUGINS": ""}


@pytest.mark.processes
def test_core_does_its_work_where_there_is_no_more_than_windows_and_macos_have(tmp_path: Path) -> None:
    """One program, as importing everything takes most of the time."""
    code = """
from core.serving import journal, nodelay
from core.storage.runs import Store
from core.system import locks, paths, retention

nodelay.enable_nodelay()  # only slower without
try:
    with open(pathlib.Path(paths.home().parent) / "lock", "w") as file:
        locks.lock(file)
except OSError as error:
    print(error.strerror)
store = Store(paths.results())
print(retention.size_of(paths.results()) > 0, len(store.list()) > 0, store.clean(0).deleted)
journal.Journal(paths.results()).close()

from core.cli.main import main
print(main(["doctor"]))
"""
    count, *lines, code_of_doctor = elsewhere(code, tmp_path).splitlines()
    assert int(count) == len(list((ROOT / "core").rglob("*.py"))) - 1
    assert lines[:2] == ["files can't be locked on this system", "True True ()"]
    assert any(line.startswith("ok       Open files   no limit that is known of") for line in lines)
    assert code_of_doctor == "0"


# What the page lists.

PAGE = (ROOT / "docs" / "portability.md").read_text()
SIGNS = {
    r"\bfcntl\b": "fcntl",
    r"\bimport resource\b": "resource",
    r"\bimport (?:signal|pwd|grp|termios|pty|tty)\b": "import",
    r"os\.(?:execv|execve)\b": "os.execv",
    r"os\.(?:fork|forkpty|setsid|killpg|kill|sched_\w+|sysconf|statvfs|getuid|geteuid|mkfifo|symlink)\b": "os.",
    r"os\.link\b": "os.link",
    r"\b(?:chmod|0o600)\b": "chmod",
    r"\bst_blocks\b": "st_blocks",
    r"\bstart_new_session\b": "start_new_session",
    r"[\"']/(?:proc|dev|sys|etc|tmp|usr|var)\b": "path",
    r"\bSO_REUSE\w+|\bSO_ACCEPTCONN\b": "socket option",
    r"\bfreedesktop_os_release\b": "freedesktop_os_release",
    r"\bnvidia-smi\b": "nvidia-smi",
}
"""What code looks like that may be another thing on another system."""


def test_the_page_lists_every_file_that_asks_for_what_differs_between_systems() -> None:
    files = [*(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]
    signs = {path.relative_to(ROOT).as_posix() for path in files for sign in SIGNS if re.search(sign, path.read_text())}
    assert "core/system/locks.py" in signs
    listed = set(re.findall(r"^\| `([\w/.]+\.py)`", PAGE, re.M))
    assert listed == signs


def test_every_row_says_what_happens_on_each_system_and_whether_it_was_tried() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| `[\w/.]+\.py`", line)]
    assert rows
    assert [row[0] for row in rows if len(row) != 5 or not all(cell.strip() for cell in row)] == []
    assert [row[0] for row in rows if row[-1].strip() not in {"no", "imports"}] == []
