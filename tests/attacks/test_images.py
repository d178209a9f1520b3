"""Attacks get the same poison whether the clean images are in memory or read from disk as they are indexed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.attacks.algorithms import decoders, images
from core.attacks.algorithms.images import ReadImages, training_images
from core.attacks.execution import execute
from core.attacks.registry import RECORDS
from core.data.stored import StoredImages
from core.spec.events import silent
from tests import tiny

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), dtype=np.uint8)
FLOATS = torch.from_numpy(PIXELS).float() / 255.0


@pytest.mark.parametrize("rows", [torch.tensor([5, 5, 0]), torch.arange(20) > 12])
def test_read_images_are_those_of_the_tensor(rows: torch.Tensor) -> None:
    read = ReadImages(StoredImages(PIXELS), CPU)
    assert (read.shape, len(read), read.device) == (FLOATS.shape, 20, CPU)
    assert torch.equal(read[rows], FLOATS[rows])
    assert read[rows].dtype == torch.float32


def test_only_many_stored_images_stay_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    few = training_images(StoredImages(PIXELS), CPU)
    assert isinstance(few, torch.Tensor)
    assert torch.equal(few, FLOATS)
    monkeypatch.setattr(images, "MOST_BYTES", 4 * PIXELS.size)
    assert isinstance(training_images(StoredImages(PIXELS), CPU), torch.Tensor)
    monkeypatch.setattr(images, "MOST_BYTES", 4 * PIXELS.size - 1)
    many = training_images(StoredImages(PIXELS), CPU)
    assert isinstance(many, ReadImages)
    assert torch.equal(many[torch.arange(20)], FLOATS)
    assert isinstance(training_images(PIXELS, CPU), torch.Tensor), "what is in memory anyway"


@pytest.mark.parametrize("name", [name for name, record in RECORDS.items() if record.makes_images])
def test_poison_is_the_same_of_images_on_disk(name: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    scene, spec = tiny.scene(), tiny.spec(name, constraint="perturbation" if name == "noise" else "valid")
    assert isinstance(scene.images, torch.Tensor)
    pixels = (scene.images * 255).round().to(torch.uint8).numpy()
    # Divided as they are when they are read, which may differ in the last bit from how the scene was made.
    in_memory = replace(scene, images=torch.from_numpy(pixels).float() / 255.0)
    on_disk = replace(scene, images=ReadImages(StoredImages(pixels), CPU))
    one, other = execute(spec, in_memory, silent), execute(spec, on_disk, silent)
    assert one.x is not None
    assert other.x is not None
    assert torch.equal(one.x, other.x)
    assert torch.equal(one.base, other.base)
    assert torch.equal(one.y, other.y)


def test_errors_of_a_decoder_do_not_depend_on_how_many_images_are_decoded_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = tiny.scene()
    decoder = decoders.Decoder(decoders._network(scene).eval(), {})
    rows = torch.arange(37)
    whole = decoders._errors(decoder, scene, rows)
    monkeypatch.setattr(decoders, "HELD_OUT_NUMBERS", 10 * 64)
    assert decoders._errors(decoder, scene, rows) == pytest.approx(whole, rel=1e-5)
    expected = (decoder.decode(scene.z[rows]) - scene.images[rows]).square().mean().sqrt()
    assert whole["decoder_pixel_error"] == pytest.approx(float(expected), rel=1e-5)
