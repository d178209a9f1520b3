"""What is fuzzed: each takes any bytes, and raises only where the lab does something it must not."""

import io
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import torch
from safetensors.torch import save

from core.extractors.weights import read_safetensors, unpickled
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.storage import uploads
from core.system import paths
from core.system.errors import PoisonLabError
from pages import _state
from tests.pictures import pets, picture, zipped


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
    _brought("images", zipped({**pets(10), "cats/x.jpg": data}).getvalue())


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


def seeds(target: str) -> list[bytes]:
    """Sound input of a target, for a fuzzer to begin with."""
    tensors = {"a": torch.ones(3), "b": torch.zeros(2, 2)}
    saved = io.BytesIO()
    torch.save(tensors, saved)
    specs = [ExperimentSpec(attack=kind()) for kind in ATTACKS.values()]
    sound = {
        "spec": [one.to_json().encode() for one in specs],
        "link": [urlencode({"attack": one.attack.name, "budget": "0.1", "seed": "3"}).encode() for one in specs],
        "images": [zipped(pets(10, names)).getvalue() for names in (("cats", "dogs"), ("é", "ü"))],
        "image": [picture(0)],
        "weights": [saved.getvalue(), save(tensors)],
    }
    return sound[target]
