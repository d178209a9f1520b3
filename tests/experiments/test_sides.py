"""A user's images at their own resolution, through a whole run: the poison is made, shown and exported at that side."""

import csv
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from core.attacks.algorithms import images
from core.catalog.choices import one_line, resolve
from core.data import decoding
from core.experiments import points, run_folder
from core.experiments.result import Result
from core.experiments.run import run
from core.presentation import export
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import cache
from core.system.errors import SpecError
from tests.pictures import as_folder

SIDE = 96
OWN = (120, 100)


def pets() -> dict[str, bytes]:
    """Two classes of random blocks of colour, of another colour each."""
    files = {}
    for k, label in enumerate(("cats", "dogs")):
        for i in range(30):
            values = np.random.default_rng(100 * k + i).integers(0, 256, (10, 12, 3), dtype=np.uint8)
            values[..., k] //= 4
            file = BytesIO()
            Image.fromarray(values).resize(OWN, Image.Resampling.NEAREST).save(file, "PNG")
            files[f"{label}/{i}.png"] = file.getvalue()
    return files


@pytest.fixture(scope="module", params=["in memory", "on disk"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result]]:
    place = tmp_path_factory.mktemp("sides")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(place / "home"))
        if request.param == "on disk":
            patch.setattr(decoding, "LEAST_BYTES", 0)
            patch.setattr(cache, "MEMORY_MAP_BYTES", 0)
            patch.setattr(images, "MOST_BYTES", 0)
        yield as_folder(pets(), place), run(spec_of(as_folder(pets(), place)))


def spec_of(path: Path, **values: object) -> ExperimentSpec:
    given = {"data": f"image-folder:{path}", "attack": "noise", "train_size": 42, "test_size": 18, "budget": 0.1}
    return resolve(parse_spec({**given, "side": SIDE, "constraint": "perturbation", **values}))


def test_the_poison_has_the_side_of_the_images_and_keeps_to_them(ran: tuple[Path, Result], tmp_path: Path) -> None:
    path, result = ran
    m = result.spec.n_poison
    assert m == 4
    fitted = {
        np.asarray(ImageOps.fit(Image.open(file).convert("RGB"), (SIDE, SIDE), Image.Resampling.BILINEAR)).tobytes()
        for file in path.rglob("*.png")
    }
    plot = result.plot
    assert plot is not None
    assert plot.poison_x is not None
    assert plot.base_x.shape == plot.poison_x.shape == (m, 3, SIDE, SIDE)
    assert all(np.ascontiguousarray(base.transpose(1, 2, 0)).tobytes() in fitted for base in plot.base_x)
    change = np.abs(plot.poison_x.astype(int) - plot.base_x)
    assert 0 < change.max() <= 8
    run_folder.write(result, tmp_path / "run")
    with (tmp_path / "run" / "poison" / "labels.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    for name, image in zip(names, plot.poison_x, strict=True):
        with Image.open(tmp_path / "run" / "poison" / name) as exported:
            np.testing.assert_array_equal(np.asarray(exported).transpose(2, 0, 1), image)
    shown = points.images(result.spec, plot)
    assert len(shown) == 42 + m
    np.testing.assert_array_equal(shown[int(plot.base_index[0])], plot.base_x[0])
    np.testing.assert_array_equal(shown[42], plot.poison_x[0])


def test_a_result_says_at_which_side_it_is_and_why(ran: tuple[Path, Result]) -> None:
    result = ran[1]
    assert "Images are used at 96 × 96 pixels: the extractor sees 28." in result.remarks
    assert "pets at 96 px" in one_line(result.spec)
    assert "--side 96" in export.command(result.spec)
    assert parse_spec(result.summary().to_json()["spec"], stored=True) == result.spec


def test_a_side_is_another_experiment_and_none_is_that_of_before(tmp_path: Path) -> None:
    path = as_folder(pets(), tmp_path)
    of_before = resolve(parse_spec({"data": f"image-folder:{path}", "train_size": 42, "test_size": 18}))
    assert of_before.side == 64
    assert '"side"' not in of_before.to_json()
    assert len({spec_of(path, side=side).hash for side in (8, 64, 96)}) == 3
    assert spec_of(path, side=64, attack="ft-matching", constraint="valid", budget=0.03) == of_before


@pytest.mark.parametrize(
    ("extractor", "side"),
    [("resnet10-small-fashion-mnist", 64), ("efficientnet-lite0-random", 64), ("vit-b16-imagenet", 100)],
)
def test_todays_default_is_what_data_and_extractor_ask_for(extractor: str, side: int, tmp_path: Path) -> None:
    """The extractor sees 28, 64 and 224 pixels; the images have 100 themselves."""
    path = as_folder(pets(), tmp_path)
    values = {"data": f"image-folder:{path}", "extractor": extractor, "train_size": 42, "test_size": 18}
    assert resolve(parse_spec({**values, "defaults": 2})).side == side
    assert resolve(ExperimentSpec(**values)).side == side
    assert resolve(parse_spec(values)).side == 64


def test_other_data_have_a_side_of_their_own() -> None:
    assert resolve(ExperimentSpec(side=None)).side == 64
    assert '"side"' not in resolve(ExperimentSpec()).to_json()
    assert "--side" not in export.command(resolve(ExperimentSpec()))
    with pytest.raises(SpecError, match=r"^side is 96; fashion-mnist has images of 28 px\. Only .* leave it out\.$"):
        resolve(ExperimentSpec(side=96))
