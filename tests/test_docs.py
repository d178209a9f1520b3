"""What the documents say, as far as a machine can tell that it is still true."""

import re

import pytest

from core.catalog import choices
from core.cli.main import cli
from core.serving import cluster
from core.system import paths
from core.system.settings import Settings, variable
from tests.system.test_settings import NUMBERS

README = (paths.ROOT / "README.md").read_text()
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/method.md",
    "docs/cluster.md",
    "benchmarks/README.md",
    "assets/LICENSES.md",
)


@pytest.mark.parametrize("kind", ["data", "extractors", "attacks", "constraints", "label_rules"])
def test_readme_names_everything_that_can_be_chosen(kind: str) -> None:
    assert [name for name in choices.listing()[kind] if f"`{name}`" not in README] == []


def test_readme_names_every_setting_of_the_environment() -> None:
    sources = "".join(path.read_text() for path in (paths.ROOT / "core").rglob("*.py"))
    names = {*re.findall(r"POISON_LAB_[A-Z_]+", sources), *map(variable, Settings.model_fields)}
    assert [name for name in sorted(names) if f"`{name}`" not in README] == []


@pytest.mark.parametrize("name", NUMBERS)
def test_readme_explains_every_number(name: str) -> None:
    setting = Settings.model_fields[name]
    assert f"| `{variable(name)}` | {setting.description} (default {setting.default:,}) |" in README


def test_the_page_on_clusters_names_every_setting_that_others_schedulers_need() -> None:
    text = (paths.ROOT / "docs" / "cluster.md").read_text()
    told = dict(re.findall(r"^export (DASK_DISTRIBUTED__(?:SCHEDULER|WORKER)__[A-Z_]+)=(\S+)$", text, re.M))
    assert told == cluster.variables()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_there(document: str) -> None:
    text = (paths.ROOT / document).read_text()
    known = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    assert set(re.findall(r"-m core ([a-z][a-z-]*)", text)) <= known
    named = (
        paths.ROOT / "benchmarks" / name.replace(".", "/") for name in re.findall(r"-m benchmarks\.([a-z.]+)", text)
    )
    assert [file for file in named if not (file.with_suffix(".py").exists() or (file / "__main__.py").exists())] == []


def test_readme_names_every_module() -> None:
    modules = [path.name for path in (paths.ROOT / "core").glob("[a-z]*.py")]
    explained = {"device.py", "paths.py"}  # small helpers that no reader looks for
    assert [name for name in modules if name not in explained and f"  {name} " not in README] == []


def test_every_data_file_has_its_licence() -> None:
    licences = (paths.ASSETS / "LICENSES.md").read_text()
    files = [path for path in (paths.ASSETS / "data").rglob("*") if path.is_file()]
    patterns = [re.escape(name).replace(r"\*", "[^/]*") for name in re.findall(r"^\| `([^`]+)`", licences, re.M)]
    names = [path.relative_to(paths.ASSETS / "data").as_posix() for path in files]
    assert [name for name in names if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    path = paths.ROOT / document
    links = re.findall(r"(?<!!)\[[^\]]+\]\(([^)#]+)\)", path.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []
