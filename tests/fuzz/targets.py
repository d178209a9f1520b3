"""What is fuzzed: each takes any bytes, and raises only where the lab does something it must not."""

import io
import json
import random
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar
from unittest import mock
from urllib.parse import parse_qsl, urlencode

import numpy as np
import torch
from safetensors.torch import save

from core.data import folders, pictures, sources
from core.data.tree import arrange
from core.extractors import overrides
from core.extractors.checkpoints import opened
from core.extractors.fitting import fit
from core.extractors.trees import COUNTER
from core.extractors.weights import read_safetensors, unpickled
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.storage import uploads
from core.system import paths
from core.system.errors import PoisonLabError
from pages import _state
from tests.fuzz import checkpoints, structure
from tests.fuzz.packing import folder_of, zip_of
from tests.pictures import picture, zipped

Result = TypeVar("Result")
ARCH = "resnet10-small"
"""The network whose entries are fuzzed: the smallest."""


def spec(data: bytes) -> None:
    """Any JSON is a spec that comes back as it was, or is refused in a sentence."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(values, dict):
        try:
            found = parse_spec(values)
        except PoisonLabError:
            return
        assert parse_spec(json.loads(found.to_json())) == found


def link(data: bytes) -> None:
    """Any query is a state that can be run, with a sentence on what is not followed."""
    values, _ = _state.from_query(dict(parse_qsl(data.decode(errors="replace"))))
    assert _state.fit(values) == values


def images(data: bytes) -> None:
    """Any zip is kept whole or refused, and then nothing is left."""
    _brought("images", data)


def image(data: bytes) -> None:
    """Any bytes in place of one image of a sound zip, the first that is read."""
    files = {"cats/!.jpg": data, **_sound("cats", "dogs")}
    _brought("images", zip_of((name, content, zipfile.ZIP_STORED) for name, content in files.items()))


def tree(data: bytes) -> None:
    """Any names are arranged or refused: every file has one place or is counted, whatever the order and the wrapper."""
    names, folders = structure.names(structure.Choices(data))
    refusal, arranged = _attempt(lambda: arrange(names, folders, "here"))
    if arranged is None:
        assert refusal
        return
    REACHED["tree"] += 1
    passed = [re.match(r"([\d,]+) files? (?:was|were) passed over", note) for note in arranged.notes]
    counts = [int(match[1].replace(",", "")) for match in passed if match]
    assert len(arranged.images) + sum(counts) == len(names)
    assert len({placed.name for placed in arranged.images}) == len(arranged.images)
    assert all("\n" not in note for note in arranged.notes)
    labels = {placed.label for placed in arranged.images}
    parts = {placed.part for placed in arranged.images}
    assert parts in ({""}, {"train", "test"}, set())
    if "" not in parts:
        assert {part: {p.label for p in arranged.images if p.part == part} for part in parts} == dict.fromkeys(
            parts, labels
        )
    assert arrange(reversed(names), reversed(folders), "here") == arranged
    if len(labels) > 1:
        wrapped = arrange([f"w/{name}" for name in names], [f"w/{name}" for name in folders], "here")
        assert [(p.label, p.part, p.name[2:]) for p in wrapped.images] == [
            (p.label, p.part, p.name) for p in arranged.images
        ]


def layout(data: bytes) -> None:
    """Files give the same data as a folder and as a zip, or are refused alike."""
    choices = structure.Choices(data)
    files = {
        name: structure.small(i) if name.endswith(".png") else b"" for i, name in enumerate(structure.layout(choices))
    }
    with tempfile.TemporaryDirectory() as place, mock.patch.object(pictures, "read", _read_once):
        zipped = Path(place) / "pets.zip"
        zipped.write_bytes(zip_of((f"pets/{name}", content, zipfile.ZIP_STORED) for name, content in files.items()))
        read = [_loaded(path) for path in (folder_of(files, Path(place)), zipped)]
    assert read[0] == read[1]
    REACHED["layout"] += _attempt(lambda: arrange([*files], (), "here"))[1] is not None


def archive(data: bytes) -> None:
    """The files of any zip are read or refused; those of a sound one are what was packed."""
    choices = structure.Choices(data)
    names, _ = structure.names(choices)
    files = {name: structure.small(i) for i, name in enumerate(names)}
    content, is_sound = structure.archive(choices, files)
    path = Path(paths.home()) / "fuzzed.zip"
    path.write_bytes(content)
    refusal, listed = _attempt(lambda: sources.listing(path).files)
    REACHED["archive"] += listed is not None

    def contents() -> dict[str, bytes]:
        with sources.opened(path) as content_of:
            return {file.name: content_of(file) for file in listed or ()}

    refusal, read = (refusal, None) if listed is None else _attempt(contents)
    assert not (is_sound and refusal), refusal
    if read is None:
        return
    assert all(len(content) <= sources.MAX_BYTES for content in read.values())
    assert not is_sound or read == files


def pixels(data: bytes) -> None:
    """Any image is read as 64 x 64 pixels or refused; a sound one only if its mode has no white."""
    content, mode, is_sound = structure.image(structure.Choices(data))
    refusal, picture = _attempt(lambda: pictures.read(content, "here"))
    REACHED["pixels"] += "not an image" not in refusal
    assert not (is_sound and refusal) or mode in ("I", "F", "LAB"), refusal
    if picture is None:
        return
    assert (picture.pixels.shape, picture.pixels.dtype) == ((3, pictures.SIDE, pictures.SIDE), np.uint8)
    assert picture.is_as_before or picture.is_transparent or picture.brightest


def weights(data: bytes) -> None:
    """Any safetensors or checkpoint gives tensors or is refused."""
    for suffix, read in ((".safetensors", read_safetensors), (".pth", unpickled)):
        path = Path(paths.home()) / f"fuzzed{suffix}"
        path.write_bytes(data)
        try:
            read(path)
        except PoisonLabError:
            continue


def entries(data: bytes) -> None:
    """Entries of any names are the whole of one network or are refused: of one copy, and all of them accounted for."""
    content = checkpoints.checkpoint(structure.Choices(data), ARCH)
    refusal, found = _attempt(lambda: fit(opened(content, Path("w.pth")), "own", ARCH))
    REACHED["entries"] += "missing or have another shape" not in refusal
    if found is None:
        assert refusal
        return
    values = {float(value.flatten()[0]) for name, value in found.weights.items() if not name.endswith(COUNTER)}
    assert len(values) == 1
    tree, wanted = found.tree, checkpoints.entries(ARCH, 0.0)
    assert all(value.shape == wanted[name].shape for name, value in found.weights.items())
    used = len(found.weights) + sum(found.unused.kinds.values()) + found.unused.elsewhere
    assert used == sum(name.startswith(tree.prefix) for name in tree.dictionary.tensors)


def options(data: bytes) -> None:
    """Any text says something of a weights file, and comes back as it was, or is refused."""
    text = structure.options(structure.Choices(data)).decode(errors="replace")
    refusal, said = _attempt(lambda: overrides.parse(text))
    REACHED["options"] += said is not None
    if said is None:
        assert refusal
    else:
        assert overrides.parse(said.to_query()) == said


def _attempt(call: Callable[[], Result]) -> tuple[str, Result | None]:
    """What a call gives, or the one line in which it refuses."""
    try:
        return "", call()
    except PoisonLabError as error:
        refusal = str(error)
    assert refusal.isprintable()
    return refusal, None


def _loaded(path: Path) -> tuple[object, ...] | str:
    """What a folder or a zip holds, or why it is refused."""
    refusal, folder = _attempt(lambda: folders.load(path))
    if folder is None:
        return refusal.replace(str(path), "here").replace("pets/", "")
    arrays = [array.tobytes() for array in (folder.x, folder.y, folder.is_test)]
    return folder.classes, *arrays, folder.digest, folder.notes


_READ = pictures.read


def _read_once(content: bytes, where: str, side: int) -> pictures.Picture:
    """An image as it is read; those of a layout are always the same few, which are kept."""
    return _kept(content, side) if content else _READ(content, where, side)


@cache
def _kept(content: bytes, side: int) -> pictures.Picture:
    return _READ(content, "here", side)


@cache
def _sound(*classes: str) -> dict[str, bytes]:
    """Ten small images of each class."""
    return {f"{c}/{i}.png": structure.small(10 * k + i) for k, c in enumerate(classes) for i in range(10)}


_limits = cache(uploads.UploadLimits.read)
"""Read once: it takes a quarter of the time of a small upload, and the environment stays as it is."""


def _brought(kind: str, data: bytes) -> None:
    try:
        with mock.patch.object(uploads.UploadLimits, "read", _limits):
            name = uploads.add_images("a.zip", io.BytesIO(data), "fuzz").name
        uploads.remove(name, "fuzz")
    except PoisonLabError:
        pass
    folder = paths.uploads() / kind
    assert not folder.exists() or not list(folder.iterdir())


TARGETS = {
    one.__name__: one for one in (spec, link, images, image, tree, layout, archive, pixels, weights, entries, options)
}

REACHED: Counter[str] = Counter()
"""How many inputs of a target passed the first check of what it tries."""


def seeds(target: str) -> list[bytes]:
    """Sound input of a target, for a fuzzer to begin with."""
    tensors = {"a": torch.ones(3), "b": torch.zeros(2, 2)}
    saved = io.BytesIO()
    torch.save(tensors, saved)
    specs = [ExperimentSpec(attack=kind()) for kind in ATTACKS.values()]
    sound = {
        "spec": [one.to_json().encode() for one in specs],
        "link": [urlencode({"attack": one.attack.name, "budget": "0.1", "seed": "3"}).encode() for one in specs],
        "images": [zipped(_sound(*names)).getvalue() for names in (("cats", "dogs"), ("é", "ü"))],
        "image": [picture(0)],
        **{
            name: [random.Random(i).randbytes(80) for i in range(20)]
            for name in ("tree", "layout", "archive", "pixels", "entries", "options")
        },
        "weights": [saved.getvalue(), save(tensors)],
    }
    return sound[target]
