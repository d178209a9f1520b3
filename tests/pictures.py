"""Small image files, and zips of them, for the tests of what people bring."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image


def picture(seed: int, kind: str = "PNG", size: tuple[int, int] = (20, 30), mode: str = "RGB") -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, kind)
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
