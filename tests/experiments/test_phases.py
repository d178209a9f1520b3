"""Runs on features without spread, with little of it, or not finite: refused in a sentence, or finite numbers twice."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.attacks.registry import RECORDS
from core.catalog.lookup import extractor_info
from core.data.split import Split
from core.experiments import extraction, phases, run_folder
from core.experiments.result import Result
from core.experiments.run import run
from core.extractors import pool
from core.extractors.build import Extractor
from core.spec.experiment import parse_spec
from core.system.arrays import is_finite
from core.system.errors import AttackError, DataError, PoisonLabError, WeightsError
from tests import tiny
from tests.odd import all_finite

RECORD = dataclasses.replace(extractor_info("efficientnet-lite0-imagenet"), title="Mine", width=24)
LIVE = {"one live coordinate": 1, "equal features": 0}
"""Live coordinates of the extractor, by kind; all 24 otherwise."""


class Backbone(nn.Module):
    """The tiny extractor, blind to the first row of pixels; all but so many coordinates are constant."""

    def __init__(self, live: int) -> None:
        super().__init__()
        self.extractor, self.live = tiny.TinyExtractor(), live

    def forward(self, x: Tensor) -> Tensor:
        seen = x[:, :1] * (torch.arange(8) > 0)[:, None]
        z = self.extractor(seen)
        return torch.cat([z[:, : self.live], torch.full_like(z[:, self.live :], 0.3)], 1)


def split(kind: str) -> Split:
    """40 training and 20 test images of ten classes, which the first pixel tells apart."""
    x = (tiny.scene().images[:60] * 255).round().numpy().astype(np.uint8)
    y = np.arange(60) % 10
    if kind == "classes of one and two":
        y[:40] = np.repeat(np.arange(10), [*[4] * 3, *[5] * 5, 2, 1])
    if kind in ("one constant class", "constant classes"):
        for label in range(10) if kind == "constant classes" else [3]:
            x[y == label] = x[y == label][:1]
    if kind in ("two points", "equal images"):
        x[:] = x[:1]
    if kind == "two points":
        x[y > 4] = 255 - x[0]
    if kind != "equal images":
        x[:, 0, 0, 0] = np.arange(60)
    return Split(x[:40], y[:40], x[40:], y[40:])


def ran(monkeypatch: pytest.MonkeyPatch, kind: str, attack: str, *, with_map: bool = True, **values: object) -> Result:
    """The result of an attack on a kind of data, with a kind of extractor."""
    extractor = Extractor(RECORD, Backbone(LIVE.get(kind, 24)), 8)
    monkeypatch.setattr(extraction, "draw_for", lambda spec, test_rows=None: split(kind))
    monkeypatch.setattr(pool, "extractor", lambda *_: extractor)
    settings = {"name": attack, **tiny.ATTACK_SETTINGS[attack]}
    spec = {"data": "mnist", "train_size": 40, "test_size": 20, "budget": 0.1, "attack": settings, **values}
    return run(parse_spec(spec), device="cpu", with_map=with_map)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


REFUSED = {
    "equal features": (WeightsError, "^The extractor 'Mine' gives all 40 training images the same features"),
    "equal images": (DataError, "^All 40 training images are equal"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_features_without_spread_are_refused_each_time(monkeypatch: pytest.MonkeyPatch, kind: str, home: Path) -> None:
    """The second time, the features come from the cache."""
    error, words = REFUSED[kind]
    for _ in range(2):
        with pytest.raises(error, match=words):
            ran(monkeypatch, kind, "gc-feature")
    assert not (home / "cache" / "maps").exists()


FINITE = ("classes of one and two", "one constant class", "constant classes", "two points", "one live coordinate")


@pytest.mark.parametrize("kind", FINITE)
def test_little_spread_gives_finite_numbers_and_the_same_again(
    monkeypatch: pytest.MonkeyPatch, kind: str, tmp_path: Path
) -> None:
    """The second time, features and map come from the cache."""
    contents = []
    for place in ("first", "again"):
        result = ran(monkeypatch, kind, "gc-feature")
        assert result.plot is not None
        arrays = [*result.plot.to_arrays().values(), *result.features.values(), result.poison.z]
        assert all(is_finite(array) for array in arrays if array.dtype.kind == "f")
        assert len(result.clean.per_class) == 10
        run_folder.write(result, tmp_path / place)
        content = json.loads((tmp_path / place / "result.json").read_text())
        assert all_finite(content)
        contents.append({key: value for key, value in content.items() if key not in ("seconds", "curve")})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("kind", ["classes of one and two", "two points", "one live coordinate"])
@pytest.mark.parametrize("attack", [name for name in RECORDS if name in tiny.ATTACK_SETTINGS])
def test_every_attack_on_little_spread_gives_finite_numbers(
    monkeypatch: pytest.MonkeyPatch, attack: str, kind: str
) -> None:
    result = ran(monkeypatch, kind, attack, with_map=False)
    assert all_finite(json.loads(json.dumps(result.summary().to_json())))
    assert is_finite(result.poison.z)
    assert len(result.poison.y) == 4


def test_poison_whose_features_are_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    extracted = phases.features.extract_on

    def overflowing(extractor: object, images: np.ndarray, device: torch.device) -> torch.Tensor:
        return extracted(extractor, images, device) * torch.inf  # type: ignore[arg-type]

    monkeypatch.setattr(phases.features, "extract_on", overflowing)
    with pytest.raises(AttackError, match=r"^The poisoned images have features that are not finite") as error:
        ran(monkeypatch, "ordinary", "noise", with_map=False, constraint="none")
    assert isinstance(error.value, PoisonLabError)
