"""The decoder: learns, is found again, and says how well it does on images that it has not seen."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from core.attacks.algorithms import decoders
from core.attacks.algorithms.inversion import gaps
from core.spec.events import Event, silent
from core.system import paths
from core.system.errors import AttackError
from tests import tiny


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(decoders, "PIXEL_STEPS", 200)


@pytest.mark.usefixtures("longer")
def test_it_beats_the_mean_image_on_unseen_images() -> None:
    scene = tiny.scene()
    decoder = decoders.train(scene, silent)
    mean_error = float((scene.images - scene.images.mean(0)).square().mean().sqrt())
    assert decoder.errors["decoder_pixel_error"] < 0.8 * mean_error
    made = decoder.decode(scene.z)
    assert made.shape == scene.images.shape
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert decoder.errors["decoder_gap"] < 1


@pytest.mark.usefixtures("longer")
def test_the_feature_loss_brings_features_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of steps, with and without the second term."""
    scene = tiny.scene()
    monkeypatch.setattr(decoders, "BOTH_STEPS", 80)
    both = decoders.train(scene, silent).errors
    monkeypatch.setattr(decoders, "FEATURE_WEIGHT", 0.0)
    pixels = decoders.train(scene, silent).errors
    assert both["decoder_gap"] < pixels["decoder_gap"]


def test_errors_are_those_of_images_held_out() -> None:
    scene = tiny.scene()
    held_out = torch.randperm(300, generator=torch.Generator().manual_seed(0))[:30].sort().values
    decoder = decoders.train(scene, silent)
    made = decoder.decode(scene.z[held_out])
    assert decoder.errors["decoder_pixel_error"] == pytest.approx(
        float(F.mse_loss(made, scene.images[held_out]).sqrt())
    )
    gap = gaps(scene.pipeline(made), scene.z[held_out]).mean()
    assert decoder.errors["decoder_gap"] == pytest.approx(float(gap))
    # Not one of them was trained on: other images there, the same decoder.
    other = scene.images.clone()
    other[held_out] = 0.5
    blind = decoders.train(replace(scene, images=other), silent)
    assert torch.equal(blind.decode(scene.z), decoder.decode(scene.z))


def test_it_is_trained_once_and_read_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    scene = tiny.scene()
    events: list[Event] = []
    first = decoders.cached(scene, events.append)
    assert events[-1].done == events[-1].total == 30
    (file,) = (tmp_path / "cache" / "decoders").iterdir()
    events.clear()
    again = decoders.cached(scene, events.append)
    assert [event.done for event in events] == [0]
    assert first.errors == again.errors
    assert torch.equal(first.decode(scene.z), again.decode(scene.z))
    file.write_bytes(file.read_bytes()[:1000])
    assert torch.equal(decoders.cached(scene, silent).decode(scene.z), first.decode(scene.z))
    assert len(file.read_bytes()) > 1000


def test_what_ships_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = tiny.scene()
    decoder = decoders.train(scene, silent)
    monkeypatch.setattr(paths, "DECODERS", tmp_path)
    (tmp_path / decoders.file_name("tiny")).write_bytes(decoders.dump(decoder))
    monkeypatch.setattr(decoders, "train", lambda *_: pytest.fail("trained again"))
    assert torch.equal(decoders.cached(scene, silent).decode(scene.z), decoder.decode(scene.z))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 9, 13)])
def test_any_shape_of_image(shape: tuple[int, int, int]) -> None:
    assert decoders.Network(7, shape)(torch.zeros(2, 7)).shape == (2, *shape)


def test_a_decoder_whose_weights_are_not_finite_is_refused_and_not_cached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(decoders, "PIXEL_STEPS", 1)
    monkeypatch.setattr(decoders, "BOTH_STEPS", 1)
    scene = replace(tiny.scene(), z=torch.full_like(tiny.scene().z, torch.inf), digest="endless")
    with pytest.raises(AttackError, match=r"^The decoder can't be trained on these features"):
        decoders.cached(scene, silent)
    assert list(tmp_path.rglob("*.safetensors")) == []
