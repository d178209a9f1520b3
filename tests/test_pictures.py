"""The pictures of the README and of docs/: as `make screenshots` takes them, small enough, and each in use."""

import re
from itertools import pairwise

import pytest
from PIL import Image, ImageChops

from core.system.paths import ROOT
from tests.browser import pictures

FOLDER = ROOT / "docs" / "pictures"
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_folder_holds_what_the_command_writes() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(pictures.names())


def test_every_picture_is_shown_light_and_dark_and_nothing_else_is() -> None:
    shown = {name for text in TEXTS for name in re.findall(r"pictures/([\w.-]+)", text.read_text())}
    assert shown == set(pictures.names())


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3 * 2**20


@pytest.mark.parametrize("theme", pictures.THEMES)
def test_the_run_moves(theme: str) -> None:
    path = FOLDER / f"{pictures.MOVING}-{theme}.webp"
    assert path.stat().st_size < 2 * 2**20
    with Image.open(path) as image:
        frames = []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(image.convert("L"))
    changes = [ImageChops.difference(a, b).getbbox() is not None for a, b in pairwise(frames)]
    assert len(frames) >= 10
    assert sum(changes) >= 8, "the run's progress and its result"


@pytest.mark.parametrize("name", [*pictures.STILLS, pictures.MOVING])
def test_one_is_light_and_the_other_dark(name: str) -> None:
    def mean(theme: str) -> float:
        with Image.open(FOLDER / f"{name}-{theme}.webp") as image:
            grey = image.convert("L").histogram()
        return sum(value * count for value, count in enumerate(grey)) / sum(grey)

    assert mean("light") > 128 > mean("dark"), "one is light, the other dark"
