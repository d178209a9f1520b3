"""One engine for the tests of this folder, with tiny runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.serving.engine import Engine
from core.storage.runs import Store
from tests.patience import until


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for an engine has processes started."""
    for item in items:
        if isinstance(item, pytest.Function) and {"shared", "own_engine"} & set(item.fixturenames):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("house")
        patch.setenv("POISON_LAB_HOME", str(folder))
        for name in ("POISON_LAB_SCHEDULER", "OMP_NUM_THREADS"):  # the latter is conftest's, and workers would heed it
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="package")
def shared(house: Path) -> Iterator[Engine]:
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick", grace=0.5)
    yield engine
    engine.close()


@pytest.fixture
def engine(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine of this folder, empty again after the test; `execute` may be set to another fake."""
    monkeypatch.setattr(shared, "execute", "tests.fakes:quick")
    yield shared
    for job in shared.jobs():
        job.cancel()
    until(lambda: all(job.off_worker.is_set() for job in shared.jobs()))
