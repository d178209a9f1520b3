"""Small image files, and zips of them, for the tests of what people bring."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, kind: str = "PNG", size: tuple[int, int] = (20, 30), mode: str = "RGB") -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, kind)
    return file.getvalue()


def see_through(seed: int) -> bytes:
    """A PNG of random colours, and of random transparency."""
    values = np.random.default_rng(seed).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def pets(per_class: int = 12, classes: tuple[str, ...] = ("cats", "dogs")) -> dict[str, bytes]:
    return {f"{c}/{i}.png": picture(100 * k + i) for k, c in enumerate(classes) for i in range(per_class)}


def zipped(files: Mapping[str, bytes]) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    content.seek(0)
    return content


def as_folder(files: Mapping[str, bytes], place: Path, empty: Iterable[str] = ()) -> Path:
    """A folder `pets` in a place, with files and with folders that may be empty."""
    for name in empty:
        (place / "pets" / name).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = place / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return place / "pets"


def as_zip(files: Mapping[str, bytes], place: Path, empty: Iterable[str] = (), wrapper: str = "pets/") -> Path:
    """The same as a zip, with all in a wrapper."""
    with zipfile.ZipFile(place / "pets.zip", "w") as archive:
        for name in empty:
            archive.mkdir(f"{wrapper}{name}")
        for name, data in files.items():
            archive.writestr(f"{wrapper}{name}", data)
    return place / "pets.zip"
