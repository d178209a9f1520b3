"""Plug-ins in worker processes: they load what the environment names, and say so where they lack one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.catalog.choices import resolve
from core.cli.main import main
from core.serving.engine import Engine
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import Store
from tests.catalog.test_plugins import digest
from tests.plugins import BLEND, NORM, loaded

PATIENCE = 120
"""A worker imports everything and fits a tiny map."""

pytestmark = pytest.mark.usefixtures("plugins_for_a_test")


def small_spec() -> ExperimentSpec:
    values = {"attack": "blend", "evade": "norm", "train_size": 40, "test_size": 20, "budget": 0.1}
    return resolve(parse_spec(values))


@pytest.fixture
def own_engine(house: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A real engine, started as a server is that has both examples in its environment."""
    monkeypatch.setenv("POISON_LAB_PLUGINS", os.pathsep.join(map(str, (BLEND, NORM))))
    engine = Engine(Store(house / "plugins", shipped=None), device="cpu")
    yield engine
    engine.close()


def test_a_worker_runs_an_attack_of_a_plugin(own_engine: Engine) -> None:
    with loaded(BLEND, NORM):
        status = own_engine.submit(small_spec()).wait(PATIENCE)
        assert (status.state, status.error) == ("done", None)
        spec = small_spec()
    run = own_engine.store.get(spec.hash)
    assert run is not None
    assert run.spec.plugins == (("blend", digest(BLEND)), ("norm", digest(NORM)))
    assert run.summary.plugins["blend"]["description"]["title"] == "Blend"
    assert {point.stage for point in status.curve} >= {"pixels"}


def test_a_worker_without_the_plugin_says_so(engine: Engine) -> None:
    with loaded(BLEND, NORM):
        status = engine.submit(small_spec()).wait(PATIENCE)
    assert status.state == "failed"
    assert status.error is not None
    assert "comes from a plug-in that is not loaded here" in status.error


class Become(Exception):
    """In place of another program."""


@pytest.mark.parametrize("command", [["worker", "tcp://scheduler:8786"], ["scheduler"], ["app", "--port", "1024"]])
def test_processes_in_place_of_this_one_load_the_same(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    environments: list[str | None] = []

    def become(path: str, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        environments.append((environment or dict(os.environ)).get("POISON_LAB_PLUGINS"))
        raise Become

    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr(os, "execv", become)
    with pytest.raises(Become):
        main([*command, "--plugin", str(BLEND)])
    assert environments == [str(BLEND)]
