"""What the documents say, as far as a machine can tell that it is still true."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

import core
from core.catalog import choices
from core.cli.main import cli
from core.serving import cluster
from core.spec.experiment import parse_spec
from core.system import paths
from core.system.settings import Settings, UploadLimits, variable
from tests.system.test_settings import NUMBERS
from tests.test_architecture import ORDER

README = (paths.ROOT / "README.md").read_text()
USING = (paths.ROOT / "docs" / "using.md").read_text()
OPERATING = (paths.ROOT / "docs" / "operating.md").read_text()
ARCHITECTURE = (paths.ROOT / "docs" / "architecture.md").read_text()
EXTENDING = (paths.ROOT / "docs" / "extending.md").read_text()
PORTABILITY = (paths.ROOT / "docs" / "portability.md").read_text()
FOLDERS = (".github", "assets", "benchmarks", "core", "docs", "examples", "pages", "tests")
DOCUMENTS = sorted(
    path.relative_to(paths.ROOT).as_posix()
    for path in (*paths.ROOT.glob("*.md"), *(path for name in FOLDERS for path in (paths.ROOT / name).rglob("*.md")))
)
MOST_LINES_OF_README = 150


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= MOST_LINES_OF_README


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


def test_the_page_on_operating_names_every_setting_of_the_environment() -> None:
    sources = "".join(path.read_text() for path in (paths.ROOT / "core").rglob("*.py"))
    names = {*re.findall(r"POISON_LAB_[A-Z_]+", sources), *map(variable, Settings.model_fields)}
    assert [name for name in sorted(names) if f"`{name}`" not in OPERATING] == []


@pytest.mark.parametrize("name", NUMBERS)
def test_the_page_on_operating_explains_every_number(name: str) -> None:
    setting = Settings.model_fields[name]
    assert f"| `{variable(name)}` | {setting.description} (default {setting.default:,}) |" in OPERATING


VERIFIED = {
    "test_features_are_those_of_the_cpu",
    "test_batches_are_halved_until_they_fit",
    "test_a_batch_that_was_measured_fits_and_gives_the_features_of_small_ones",
    "test_a_step_of_pretraining_that_does_not_fit_says_what_to_do",
    "test_two_runs_on_one_device_are_those_of_a_device_of_their_own",
    "test_a_worker_gives_back_the_memory_of_a_run_and_metrics_tell_what_is_taken",
    "test_batches_are_the_same_wherever_the_images_lie",
}
"""Tests in tests/gpu/ that passed on a GPU as they stand; whoever changes one takes it out."""


def test_the_page_on_operating_lists_the_tests_that_no_gpu_has_run() -> None:
    """All that are not `VERIFIED`."""
    (listed,) = re.findall(r"<!-- unverified -->\n(.*?)<!-- /unverified -->", OPERATING, re.S)
    files = (paths.ROOT / "tests" / "gpu").glob("test_*.py")
    tests = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)}
    assert tests >= VERIFIED
    assert sorted(re.findall(r"^\| `(test_\w+)` \|", listed, re.M)) == sorted(tests - VERIFIED)


def test_a_proxy_lets_pass_what_the_server_takes() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", (paths.ROOT / "docs" / "deploy.md").read_text())
    assert int(megabytes) == UploadLimits().largest + 1, "a form is a little larger than its file"


def test_the_page_on_clusters_names_every_setting_that_others_schedulers_need() -> None:
    text = (paths.ROOT / "docs" / "cluster.md").read_text()
    told = dict(re.findall(r"^export (DASK_DISTRIBUTED__(?:SCHEDULER|WORKER)__[A-Z_]+)=(\S+)$", text, re.M))
    assert told == cluster.variables()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_there(document: str) -> None:
    text = (paths.ROOT / document).read_text()
    known = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    known |= {group.name for group in cli.registered_groups if group.name}
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


def prose(document: str) -> str:
    """The text of a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", (paths.ROOT / document).read_text(), flags=re.M | re.S)


def links(document: str) -> list[str]:
    """Where a document leads to in the project: targets of links, pictures and their sources."""
    text = prose(document)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:href|src|srcset)="([^"\s]+)"', text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(document: str) -> set[str]:
    """The anchors of a document: those it sets itself, and those that GitHub makes of its headings."""
    text = prose(document)
    made: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        made.append(f"{slug}-{again}" if (again := sum(other.split("\0")[0] == slug for other in made)) else slug)
    return {*made, *re.findall(r'<a id="([^"]+)"', text)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    here = (paths.ROOT / document).parent
    files = [file for file, _, _ in (target.partition("#") for target in links(document)) if file]
    assert [file for file in files if not (here / file).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_headings(document: str) -> None:
    here = (paths.ROOT / document).parent
    broken = []
    for target in links(document):
        file, _, anchor = target.partition("#")
        path = (here / file).resolve() if file else paths.ROOT / document
        if anchor and anchor not in anchors(path.relative_to(paths.ROOT).as_posix()):
            broken.append(target)
    assert broken == []


def test_readme_leads_to_every_page_of_the_documentation() -> None:
    reached = {(paths.ROOT / target.partition("#")[0]).resolve() for target in links("README.md")}
    assert set((paths.ROOT / "docs").glob("*.md")) <= reached
    assert {paths.ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "LICENSE")} <= reached


def test_the_page_on_using_names_every_page_of_the_app() -> None:
    shell = (paths.ROOT / "pages" / "shell.py").read_text()
    titles = re.findall(r'_navigation\.page\("\w+\.py", title="([^"]+)"', shell)
    assert len(titles) >= 13
    section = USING.partition("\n## The app's pages\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| \*([^*|]+)\* \| .+ \|$", section, re.M)
    assert sorted(named) == sorted(titles)


def commands(document: str) -> list[list[str]]:
    """What follows `-m core` in each command of a document's blocks of code, without comments."""
    blocks = "".join(re.findall(r"^```sh$(.*?)^```$", (paths.ROOT / document).read_text(), re.M | re.S))
    lines = [shlex.split(line, comments=True) for line in blocks.replace("\\\n", " ").splitlines()]
    return [line[line.index("core") + 1 :] for line in lines if "core" in line]


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if commands(name)])
def test_options_of_commands_are_there(document: str) -> None:
    """Those of `core scheduler` and `core worker` are dask's."""
    known: Any = typer.main.get_command(cli)
    for name, *arguments in commands(document):
        if name in ("scheduler", "worker") or name.startswith("-"):
            continue
        command = known.commands[name]
        if isinstance(command, TyperGroup):
            command = command.commands[arguments[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= options | {"--help"}, name


@pytest.mark.parametrize("document", ["README.md", "docs/using.md"])
def test_python_in_the_documents_runs(
    document: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands, but on a tenth of the images and in few steps."""

    def small(given: dict[str, Any]) -> core.ExperimentSpec:
        steps = {"steps": 3} | ({"match_steps": 2, "finish_steps": 2} if given["attack"] == "ft-matching" else {})
        attack = {"name": given["attack"], **steps}
        return parse_spec({**given, "attack": attack, "train_size": 200, "test_size": 100})

    run = core.run
    monkeypatch.setattr(core, "parse_spec", small)
    monkeypatch.setattr(core, "run", lambda spec: run(spec, with_map=False))
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python$(.*?)^```$", (paths.ROOT / document).read_text(), re.M | re.S)
    exec(compile(code, document, "exec"), {})
    assert re.search(r"\d", capsys.readouterr().out)


def test_every_test_that_the_page_on_robustness_names_is_there() -> None:
    text = (paths.ROOT / "docs" / "robustness.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| What", "| ---"))]
    assert len(rows) > 50
    assert [row for row in rows if "`tests/" not in row] == []
    missing = []
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?", text):
        path = paths.ROOT / file
        if not path.is_file() or (name and f"def {name}(" not in path.read_text()):
            missing.append(f"{file}::{name}")
    assert missing == []
