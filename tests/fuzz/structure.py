"""Trees, zips and images that are built of any bytes: mostly sound, so that a fuzzer gets past a first check.

Every sequence of bytes is a valid choice; what is missing at its end counts as zeros.
"""

import io
import zipfile
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
from PIL import Image

from tests.fuzz.packing import zip_of

Option = TypeVar("Option")

FOLDERS = (
    *("cats", "dogs", "train", "test", "val", "Training", "seg_test", "images", "pets", "a", "b", "über", "u\u0308ber"),
    *(".hidden", "__MACOSX", "train_station", "valid", "invalid", "0", "x" * 200, "new\nline", " "),
)
FILES = (
    *(
        "0.png",
        "1.PNG",
        "2.jpg",
        "3.gif",
        "4.tiff",
        "5.bmp",
        ".png",
        "._0.png",
        "Thumbs.db",
        "a.txt",
        "noise",
        "g.jpeg",
    ),
    *("c.heic", "d.tar.gz", "e.mp4", "f."),
)
MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB", "PA")
KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "AVIF", "JPEG2000", "QOI", "PCX")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Choices:
    """Choices that bytes make, one after the other.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self, most: int) -> int:
        """A number from 0 up to a largest one, of one byte or of as many as are needed."""
        size = max(1, (most.bit_length() + 7) // 8)
        taken = self._data[self._place : self._place + size]
        self._place += size
        return int.from_bytes(taken.ljust(size, b"\0"), "big") % (most + 1)

    def one(self, options: Sequence[Option]) -> Option:
        """One of several options."""
        return options[self.number(len(options) - 1)]

    def rest(self) -> bytes:
        """The bytes that have not chosen anything yet."""
        return self._data[self._place :]

    def edited(self, content: bytes) -> bytes:
        """In one of four cases, the content with up to three other bytes, or without its end."""
        if self.number(3) < 3 or not content:
            return content
        changed = bytearray(content)
        for _ in range(self.number(3)):
            changed[self.number(len(changed) - 1)] = self.number(255)
        return bytes(changed[: len(changed) - self.number(len(changed) // 2)] if self.number(1) else changed)


SAID = {
    "heads": ("12", "1", "256", "0", "1.5"),
    "act": ("gelu", "quick_gelu", "relu", "tanh"),
    "mean": ("0.5,0.5,0.5", "0,1,0.1", "1e-400,0,0", "0.5", "nan,0,0"),
    "std": ("0.5,0.5,0.5", "1,1,1", "0,1,1"),
    "weights": ("ema", "raw", "x"),
    "prefix": ("", "a.", "module.b.", "a%26b=.", "a"),
    "transform_input": ("true", "false", "True"),
}
"""Options of the name of a weights file, with values of which the first ones are allowed."""


def options(choices: Choices) -> bytes:
    """A query of options: in one of four cases any bytes, else options, most with a value that is allowed."""
    if not choices.number(3):
        return choices.rest()
    pairs = []
    for name in dict.fromkeys(choices.one([*SAID]) for _ in range(1 + choices.number(3))):
        values = SAID[name]
        pairs.append(f"{name}={values[choices.number(1)] if choices.number(7) else choices.one(values)}")
    return choices.edited("&".join(pairs).encode()) if not choices.number(3) else "&".join(pairs).encode()


def names(choices: Choices) -> tuple[list[str], list[str]]:
    """Paths of files and of up to 4 folders: mostly those of a data set, with others among them."""
    files = dict.fromkeys(layout(choices) if choices.number(7) else ())
    for _ in range(choices.one((0, 0, 0, 0, 1, 2, 7))):
        folder = "/".join(choices.one(FOLDERS) for _ in range(choices.number(3)))
        for _ in range(1 + choices.number(4)):
            files[f"{folder}/{choices.one(FILES)}".strip("/")] = None
    inner = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    folders = {
        "/".join(choices.one(FOLDERS) for _ in range(1 + choices.number(2))) for _ in range(choices.one((0, 0, 1, 3)))
    }
    return [name for name in files if name not in inner], sorted(folders - files.keys())


def layout(choices: Choices) -> list[str]:
    """Paths of images, ten or so in a folder, as data sets are laid out; now and then with something odd among them."""
    parts = choices.one(
        ((), (), ("train", "test"), ("Training", "validation", "TESTING"), ("train", "val"), ("train", "x"), (), ())
    )
    labels = choices.one(
        (("cats", "dogs"), ("cats", "dogs", "über"), ("train", "bus"), ("a",), ("0", "1", "2", "3"), ("x", "y"))
    )
    wrapper = choices.one(("", "pets/", "a/b/", "train/"))
    is_above = choices.number(3) > 0
    places = [f"{part}/{label}" if is_above else f"{label}/{part}" for part in parts for label in labels] or list(
        labels
    )
    files = [f"{wrapper}{place}/{i}.png" for place in places for i in range(10 + choices.number(2))]
    odd = [f"{choices.one(FOLDERS)}/{choices.one(FILES)}" for _ in range(choices.one((0, 0, 0, 0, 0, 0, 1, 2)))]
    inner = {place.rpartition("/")[0] for place in files}
    return [*dict.fromkeys([*files, *(name for name in odd if name not in inner)])]


@cache
def small(seed: int) -> bytes:
    """A PNG of 8 x 8 random pixels."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def archive(choices: Choices, files: dict[str, bytes]) -> tuple[bytes, bool]:
    """A zip of files, packed and flagged by choice, and whether it is sound."""
    sound = zip_of(
        (name.replace("/", choices.one(("/", "/", "/", "\\"))), data, choices.one(METHODS))
        for name, data in files.items()
    )
    changed = choices.edited(sound)
    return changed, changed == sound


def image(choices: Choices) -> tuple[bytes, str, bool]:
    """An image file, the mode of the image, and whether it is sound."""
    mode, first = choices.one(MODES), choices.one(KINDS)
    width, height = 1 + choices.number(40), 1 + choices.number(40)
    values = np.frombuffer(
        bytes(choices.number(255) for _ in range(8)) * (width * height), np.uint8, width * height * 4
    ).reshape(height, width, 4)
    if mode == "I;16":
        picture = Image.fromarray(values[..., :2].copy().view("<u2")[..., 0])
    elif mode == "LAB":
        picture = Image.merge("LAB", [Image.fromarray(values[..., i].copy()) for i in range(3)])
    else:
        picture = (
            Image.fromarray(values).convert("LA" if mode == "PA" else mode if mode == "RGBA" else "RGB").convert(mode)
        )
    extra = {"transparency": choices.number(255)} if mode in ("L", "P", "1") and choices.number(1) else {}
    if choices.number(1):
        exif = Image.Exif()
        exif[0x0112] = choices.number(9)
        extra["exif"] = exif
    sound = next(filter(None, (_saved(picture, kind, extra) for kind in (first, "TIFF", "PNG"))), b"")
    changed = choices.edited(sound)
    return changed, mode, changed == sound


def _saved(picture: Image.Image, kind: str, extra: dict[str, object]) -> bytes:
    """An image file; b"" where the format lacks the mode."""
    file = io.BytesIO()
    try:
        picture.save(file, kind, **extra)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SystemError):
        return b""
    return file.getvalue()
