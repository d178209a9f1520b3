"""What is fuzzed: each takes any bytes, and raises only where the lab does something it must not."""

import io
import json
import zipfile
from pathlib import Path
from urllib.parse import parse_qsl

from core import paths, uploads
from core.errors import PoisonLabError
from core.extractors.weights import read_safetensors, unpickled
from core.spec import parse_spec
from pages import _state
from tests.pictures import pets


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
    """Any bytes in place of one image of a sound zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, sound in {**pets(10), "cats/x.jpg": data}.items():
            archive.writestr(name, sound)
    _brought("images", content.getvalue())


def weights(data: bytes) -> None:
    """Any safetensors or checkpoint gives tensors or is refused."""
    for suffix, read in ((".safetensors", read_safetensors), (".pth", unpickled)):
        path = Path(paths.home()) / f"fuzzed{suffix}"
        path.write_bytes(data)
        try:
            read(path)
        except PoisonLabError:
            continue


def _brought(kind: str, data: bytes) -> None:
    try:
        name = uploads.add_images("a.zip", io.BytesIO(data), "fuzz").name
        uploads.remove(name, "fuzz")
    except PoisonLabError:
        pass
    folder = paths.uploads() / kind
    assert not folder.exists() or not list(folder.iterdir())


TARGETS = {one.__name__: one for one in (spec, link, images, image, weights)}
