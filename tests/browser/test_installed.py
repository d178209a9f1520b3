"""An installed copy, used from an empty folder outside the checkout.

`pip install .` goes into a fresh environment, which sees nothing of the checkout. To spare gigabytes, its dependencies
are those of the tests' own environment, by a .pth file; where CI_FULL_INSTALL is set, everything
is installed anew, as in constraints.txt, with what builds it in an environment of its own.
"""

import json
import os
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import Config, NewSession

from core.system.paths import ROOT
from core.system.settings import UploadLimits
from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
SMALL = ("--attack", "label-flip", "--train-size", "40", "--test-size", "20", "--budget", "0.1", "--device", "cpu")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment in which the project is installed."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if os.environ.get("CI_FULL_INSTALL"):
        subprocess.run([*install, "--constraint", "constraints.txt", "."], cwd=ROOT, check=True)
        return folder / "bin"
    place = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(place) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "."], cwd=ROOT, check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a person whose home is empty, and who has set nothing."""
    names = ("PATH", "LANG", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {name: os.environ[name] for name in names if name in os.environ} | {
        "HOME": str(tmp_path_factory.mktemp("person"))
    }


@pytest.fixture(scope="module")
def address(environment: Path, person: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, place = app_server.free_port(), tmp_path_factory.mktemp("empty")
    command = [str(environment / "poison-lab"), "app", "--port", str(port)]
    with app_server.running(command, place, person, port, Path(person["HOME"]) / "server.log") as url:
        yield url
    assert list(place.iterdir()) == []


def poison_lab(environment: Path, person: dict[str, str], place: Path, *arguments: str) -> str:
    """What the command prints in a folder."""
    command = [str(environment / "poison-lab"), *arguments]
    done = subprocess.run(command, cwd=place, env=person, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_not_the_checkout(environment: Path, person: dict[str, str], tmp_path: Path) -> None:
    code = "import core.system.paths as paths; print(paths.ROOT, paths.home())"
    command = [str(environment / "python"), "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=person, capture_output=True, text=True, check=True)
    root, home = map(Path, done.stdout.split())
    assert root.is_relative_to(environment.parent)
    assert root.name == "poison_lab"
    assert home == Path(person["HOME"]) / ".local" / "share" / "poison-lab"


def test_the_command_line_lists_and_runs(environment: Path, person: dict[str, str], tmp_path: Path) -> None:
    assert "fashion-mnist" in poison_lab(environment, person, tmp_path, "list")
    assert "poisoned" in poison_lab(environment, person, tmp_path, "run", *SMALL, "--out", "first")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    result = json.loads((tmp_path / "first" / "result.json").read_text())
    assert result["n_poison"] == 4
    assert (Path(person["HOME"]) / ".local" / "share" / "poison-lab" / "cache").is_dir()


def test_the_server_gets_ready(address: str) -> None:
    assert app_server.status_of(f"{address}/_stcore/health") == 200
    end = time.monotonic() + app_server.START_SECONDS
    while app_server.status_of(f"{address}/ready") != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_the_lab_opens_the_run_that_ships(page: Page, address: str) -> None:
    page.goto(address)
    expect(shown(page, "Already computed: the result is beside.")).to_be_visible()
    page.wait_for_url(f"{address}/lab")


def test_another_experiment_runs(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?attack=label-flip&train=100&test=50&budget=20")
    page.locator(".st-key-run button").click()
    expect(shown(page, "Already computed: the result is beside.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_ours(scheme: str, page: Page, address: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{address}/gallery")
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    colour = CONFIG["theme"][scheme]["backgroundColor"].removeprefix("#")
    red, green, blue = bytes.fromhex(colour)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", f"rgb({red}, {green}, {blue})")


def test_the_limits_of_uploads_are_ours(page: Page, address: str) -> None:
    page.goto(f"{address}/bring")
    megabytes = UploadLimits().images
    expect(shown(page, f"{megabytes}MB per file")).to_be_visible()


def test_the_other_options_of_the_configuration_hold(page: Page, address: str) -> None:
    sessions: list[NewSession] = []

    def hear(data: str | bytes) -> None:
        message = ForwardMsg.FromString(bytes(data, "latin1") if isinstance(data, str) else data)
        if message.WhichOneof("type") == "new_session":
            sessions.append(message.new_session)

    page.on("websocket", lambda socket: socket.on("framereceived", hear))
    page.goto(f"{address}/gallery")
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    config = sessions[0].config
    assert config.gather_usage_stats is CONFIG["browser"]["gatherUsageStats"] is False  # Streamlit's own is True
    assert Config.ToolbarMode.Name(config.toolbar_mode).lower() == CONFIG["client"]["toolbarMode"]
