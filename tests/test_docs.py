"""What the documents say, as far as a machine can tell that it is still true."""

import json
import re

import pytest

from core.catalog import choices
from core.cli.main import cli
from core.serving import cluster
from core.system import paths
from core.system.settings import Settings, variable
from tests.system.test_settings import NUMBERS
from tests.test_architecture import ORDER

README = (paths.ROOT / "README.md").read_text()
ARCHITECTURE = (paths.ROOT / "docs" / "architecture.md").read_text()
EXTENDING = (paths.ROOT / "docs" / "extending.md").read_text()
PORTABILITY = (paths.ROOT / "docs" / "portability.md").read_text()
DOCUMENTS = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/method.md", "docs/cluster.md"),
    "docs/portability.md",
    *("docs/architecture.md", "docs/extending.md", "benchmarks/README.md", "assets/LICENSES.md"),
)


@pytest.mark.parametrize("kind", ["data", "extractors", "constraints", "label_rules"])
def test_readme_names_everything_that_can_be_chosen(kind: str) -> None:
    assert [name for name in choices.listing()[kind] if f"`{name}`" not in README] == []


def test_readme_names_every_attack_that_was_measured() -> None:
    """An attack that is new is one file: an overview may lag behind, as the evidence does."""
    rows = json.loads((paths.ROOT / "docs" / "results.json").read_text()).values()
    measured = {row["spec"]["attack"]["name"] for row in rows}
    assert len(measured) >= 10
    (named,) = re.findall(r"^\| Attack \| (.*) \|$", README, re.M)
    listed = set(re.findall(r"`([a-z-]+)`", named))
    assert measured <= listed <= choices.listing()["attacks"].keys()


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


def test_the_page_on_architecture_lists_the_packages_from_the_ground_up() -> None:
    assert tuple(re.findall(r"^\| `core/([a-z]+)/` \| .+ \|$", ARCHITECTURE, re.M)) == ORDER


def test_the_page_on_architecture_names_every_page() -> None:
    files = sorted(path.name for path in (paths.ROOT / "pages").glob("*.py"))
    assert [name for name in files if f"`{name}`" not in ARCHITECTURE] == []


@pytest.mark.parametrize(
    "text", [ARCHITECTURE, EXTENDING, PORTABILITY], ids=["architecture", "extending", "portability"]
)
def test_files_that_a_page_names_are_there(text: str) -> None:
    folders = ("core", "pages", "tests", "docs", "assets", "examples")
    named = re.findall(rf"`((?:{'|'.join(folders)})/[\w./-]*)`", text)
    assert named
    named = [name for name in named if "NAME" not in name]
    assert [name for name in named if not (paths.ROOT / name).exists()] == []
    files = re.findall(r"`(_?[a-z_]+\.py)`", text)
    places = (paths.ROOT, paths.ROOT / "pages", paths.ROOT / "core" / "attacks" / "algorithms")
    assert [name for name in files if not any((place / name).exists() for place in places)] == []


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
