"""What an installation takes along: the files of the wheel and of the source distribution, and the pinned versions."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import core
from core.system.paths import ROOT

FILES = ("app.py", ".streamlit/config.toml", "benchmarks/settings.json")
FOLDERS = ("core", "pages", "assets")
LISTS = ("requirements.txt", "requirements-login.txt", "requirements-dev.txt")
CONSTRAINTS = ROOT / "constraints.txt"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution; `make` has installed what builds them."""
    folder = tmp_path_factory.mktemp("built")
    for hook in ("build_wheel", "build_sdist"):
        code = f"import sys; from hatchling.build import {hook}; {hook}(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


def needed() -> set[str]:
    """The files that run, by their paths in the project."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    names = {path.relative_to(ROOT).as_posix() for path in paths if path.suffix not in {".pyc", ".pth"}}
    return names | set(FILES)


def test_the_wheel_holds_what_runs_in_one_folder_and_no_more(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    assert wheel.name == f"poison_lab-{core.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    info = f"poison_lab-{core.__version__}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == {
        "poison_lab.pth",
        *(f"poison_lab/{name}" for name in needed()),
    }


def test_the_wheel_asks_for_the_pinned_versions(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    [about] = metadata.distributions(name="poison-lab", path=[str(wheel)])
    required = [Requirement(line) for line in about.requires or []]
    assert versions(pin for pin in required if pin.marker is None) == versions(pins(ROOT / "requirements.txt"))
    login = [pin for pin in required if pin.marker is not None]
    assert versions(login) == versions(pins(ROOT / "requirements-login.txt"))
    assert {str(pin.marker) for pin in login} == {'extra == "login"'}


def test_the_source_distribution_holds_what_the_wheel_is_built_of(built: Path) -> None:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    beside = {"pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-login.txt"}
    assert needed() | beside | {"core/system/poison_lab.pth"} <= names
    assert not [name for name in names if name.startswith(("tests", "docs", ".venv"))]


# Versions.


def pins(path: Path) -> list[Requirement]:
    """The packages that a list names, without those of the lists that it includes."""
    lines = (line.partition(" #")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def versions(pinned: Iterable[Requirement]) -> dict[str, str]:
    """Versions by names, as specifiers."""
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in pinned}


def here() -> dict[str, Requirement]:
    """The constraints that hold for this Python on this machine."""
    valid = [pin for pin in pins(CONSTRAINTS) if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): pin for pin in valid}


@pytest.mark.parametrize("name", LISTS)
def test_constraints_pin_what_the_lists_name_at_the_same_version(name: str) -> None:
    constraints = here()
    assert [
        pin for pin in pins(ROOT / name) if constraints[canonicalize_name(pin.name)].specifier != pin.specifier
    ] == []


def test_constraints_pin_every_package_that_the_lists_bring() -> None:
    constraints = here()
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [pin for name in LISTS for pin in pins(ROOT / name)]
    while todo:
        pin = todo.pop()
        key = (canonicalize_name(pin.name), frozenset(pin.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in metadata.requires(pin.name) or []:
            needs = Requirement(line)
            if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in ("", *pin.extras)):
                todo.append(needs)
    assert {name for name, _ in seen} - constraints.keys() == set()
    assert constraints.keys() - {name for name, _ in seen} == set()


def test_what_is_installed_is_what_the_constraints_say() -> None:
    installed = {name: metadata.version(name) for name in here()}
    assert {name: version for name, version in installed.items() if version not in here()[name].specifier} == {}


def test_the_versions_of_python_are_those_whose_wheels_are_looked_up() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    supported = [name.removeprefix(prefix) for name in project["classifiers"] if name.startswith(prefix)]
    [looked_up] = re.findall(r"for version in (.*?);", (ROOT / "Makefile").read_text())
    assert supported == looked_up.split()
    assert project["requires-python"] == f">={supported[0]}"
