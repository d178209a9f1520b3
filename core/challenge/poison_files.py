"""Poison that somebody made elsewhere: a zip as the lab exports it, or an npz. No code is read, and sizes are bounded.

zip   PNG files, and labels.csv with the columns file, label and, but for rules that need no base, base_index
npz   x (m, C, H, W), in [0, 1] or uint8, or z (m, d) features; y (m,) labels; base_index (m,), as in the zip
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from core.system.arrays import Array
from core.system.errors import DataError
from core.system.files import zip_members

MAX_BYTES = 64 << 20
"""Of the file, and of each part that is read, unpacked."""
MAX_PNG_BYTES = 4 << 20
MAX_TABLE_BYTES = 4 << 20
SUFFIXES = (".zip", ".npz")
_ARRAYS = ("x", "z", "y", "base_index")


@dataclass(frozen=True)
class OwnPoison:
    """Poison as it was handed in; nothing of it is checked against the rules yet.

    Attributes:
        x: (m, C, H, W) float32 images; None for feature vectors.
        z: (m, d) float32 feature vectors; None for images.
        y: (m,) int64 labels.
        base: (m,) int64 rows of the base points in the training set; None if it names none.
    """

    x: Array | None
    z: Array | None
    y: Array
    base: Array | None

    def arrays(self) -> dict[str, Array]:
        """What an npz holds of it."""
        parts = {"x": self.x, "z": self.z, "y": self.y, "base_index": self.base}
        return {name: array for name, array in parts.items() if array is not None}


def read_poison(path: Path, name: str, shape: tuple[int, int, int], most: int) -> OwnPoison:
    """Read a file of poison.

    Args:
        path: of the file.
        name: by which its owner knows it, for messages.
        shape: (C, H, W) of the images of the challenge.
        most: m at most.

    Raises:
        DataError: one sentence that names what is wrong: the format, a size, a file in it.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{name} is neither a zip nor an npz: hand in PNG files with labels.csv, or arrays.")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{name} is larger than {MAX_BYTES >> 20} MiB.")
    try:
        members = {member.filename: member for member in zip_members(path)}
        with zipfile.ZipFile(path) as archive:
            if suffix == ".npz":
                poison = _from_arrays(archive, members, name, shape)
            else:
                poison = _from_images(archive, members, name, shape, most)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{name} can't be read: {error}.") from error
    m = len(poison.y)
    if not 1 <= m <= most:
        raise DataError(f"{name} has {m:,} poisoned samples; the budget allows 1 to {most:,}.")
    return poison


def write_poison(poison: OwnPoison) -> bytes:
    """The content of an npz that `read_poison` reads."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **poison.arrays())  # type: ignore[arg-type]
    return buffer.getvalue()


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, name: str) -> bytes:
    """The content of a member, which may say less of its size than it has."""
    with archive.open(member) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise DataError(f"{member.filename} in {name} is larger than {limit >> 20} MiB.")
    return content


def _from_arrays(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, shape: tuple[int, int, int]
) -> OwnPoison:
    arrays: dict[str, Array] = {}
    for key in _ARRAYS:
        if (member := members.get(f"{key}.npy")) is None:
            continue
        content = io.BytesIO(_unpacked(archive, member, MAX_BYTES, name))
        try:
            arrays[key] = np.lib.format.read_array(content, allow_pickle=False)
        except (ValueError, MemoryError, OverflowError) as error:
            raise DataError(f"{key} in {name} is no array of numbers: {error}.") from error
    if ("x" in arrays) == ("z" in arrays) or "y" not in arrays:
        raise DataError(
            f"{name} has the arrays {', '.join(arrays) or 'of none of these names'}; needed: y, and x or z."
        )
    x, z, y, base = (arrays.get(key) for key in _ARRAYS)
    assert y is not None
    for key, array in arrays.items():
        kind = "iuf" if key in ("x", "z") else "iu"
        if array.dtype.kind not in kind:
            raise DataError(f"{key} in {name} has the type {array.dtype}; needed: {'whole ' * (kind == 'iu')}numbers.")
    if y.ndim != 1 or (base is not None and base.shape != y.shape):
        raise DataError(f"y and base_index in {name} need one number for each poisoned sample.")
    if x is not None and x.shape != (len(y), *shape):
        raise DataError(f"x in {name} has the shape {x.shape}; needed: {(len(y), *shape)}.")
    if z is not None and (z.ndim != 2 or len(z) != len(y)):
        raise DataError(f"z in {name} has the shape {z.shape}; needed: a row for each of the {len(y)} samples.")
    if x is not None and x.dtype.kind in "iu":
        x = x.astype(np.float32) / np.float32(255)
    return OwnPoison(_float32(x), _float32(z), _int64(y), None if base is None else _int64(base))


def _from_images(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, shape: tuple[int, int, int], most: int
) -> OwnPoison:
    tables = [path for path in members if PurePosixPath(path).name == "labels.csv"]
    if len(tables) != 1:
        raise DataError(f"{name} has {len(tables)} files labels.csv; needed: one, beside the PNG files.")
    text = _unpacked(archive, members[tables[0]], MAX_TABLE_BYTES, name).decode("utf-8", "replace")
    rows = list(csv.DictReader(io.StringIO(text)))
    if not 1 <= len(rows) <= most:
        raise DataError(f"labels.csv in {name} has {len(rows):,} rows; the budget allows 1 to {most:,}.")
    folder = PurePosixPath(tables[0]).parent
    images = [_image(archive, members, str(folder / (row.get("file") or "")), name, shape) for row in rows]
    return OwnPoison(
        np.stack(images),
        None,
        _column(rows, "label", name),
        _column(rows, "base_index", name) if rows[0].get("base_index") else None,
    )


def _image(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    file: str,
    name: str,
    shape: tuple[int, int, int],
) -> Array:
    """One image (C, H, W) float32 in [0, 1]; its header is checked before its pixels are unpacked."""
    if file not in members:
        raise DataError(f"labels.csv in {name} names {file!r}, which is not in the zip.")
    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    try:
        image = Image.open(io.BytesIO(_unpacked(archive, members[file], MAX_PNG_BYTES, name)), formats=["PNG"])
        if image.size != (width, height) or image.mode != mode:
            raise DataError(
                f"{file} in {name} has {image.width} x {image.height} pixels of mode {image.mode}; needed: {width} x "
                f"{height} of {mode}."
            )
        pixels = np.asarray(image, np.float32) / np.float32(255)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} in {name} is no PNG file that can be read.") from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _column(rows: list[dict[str, str]], key: str, name: str) -> Array:
    """(m,) int64 whole numbers of a column."""
    values = []
    for number, row in enumerate(rows, start=1):
        text = (row.get(key) or "").strip()
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise DataError(f"labels.csv in {name}, row {number}: {key} is {text[:20]!r}; needed: a whole number.")
        values.append(int(text))
    return np.array(values, np.int64)


def _float32(array: Array | None) -> Array | None:
    return None if array is None else np.asarray(array, np.float32)


def _int64(array: Array) -> Array:
    """As int64; what does not fit becomes -1, which no label or row is."""
    fits = array.astype(np.float64) < 2.0**62
    return np.where(fits, array.astype(np.int64), -1)
