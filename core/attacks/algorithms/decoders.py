"""Decoders: networks trained to turn features back into images, for one frozen extractor and its training images.

    min over decoder of  mean ||Dec(f(x)) - x||^2 + w mean ||f(Dec(f(x))) - f(x)||^2 / ||f(x)||^2,

first on the pixels alone, which is cheap, then on both. Every tenth image is held out to measure the
reconstruction error.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from core.attacks.algorithms.base import Scene
from core.attacks.algorithms.inversion import gaps
from core.extractors import batches
from core.heads.adam import Adam, Cosine
from core.spec.events import Event, Observer
from core.system import cache, paths
from core.system.errors import AttackError

VERSION = 1
"""Part of every file name: increment it when training would give another decoder."""
NARROW = 256
CHANNELS = (32, 32, 16)
"""At 1/4, 1/2 and full size."""
DROPOUT = 0.3
"""Dropout of the features, since a run has few training images."""
WEIGHT_DECAY = 1e-2
BATCH = 64
PIXEL_STEPS = 400
BOTH_STEPS = 120
FEATURE_WEIGHT = 0.1
PIXEL_RATE = 2e-3
BOTH_RATE = 2e-3
REPORT_EVERY = 10
HELD_OUT_NUMBERS = 1 << 26
"""Numbers of held-out images that are decoded before their errors are measured: a quarter of a gigabyte."""


class Network(nn.Module):
    """Features (N, d) to images (N, C, H, W) in (0, 1): dense layers, then convolutions at half and at full size."""

    def __init__(self, width: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        channels, height, width_ = shape
        self.grid = (math.ceil(height / 4), math.ceil(width_ / 4))
        self.dense = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(width, NARROW),
            nn.GELU(),
            nn.Linear(NARROW, CHANNELS[0] * self.grid[0] * self.grid[1]),
            nn.GELU(),
        )
        self.at_half, self.at_full = (
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(4, after), nn.GELU())
            for before, after in pairwise(CHANNELS)
        )
        self.paint = nn.Conv2d(CHANNELS[-1], channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) of features (N, d)."""
        x = self.dense(z).reshape(len(z), CHANNELS[0], *self.grid)
        for layer in (self.at_half, self.at_full):
            x = layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        _, height, width = self.shape
        return torch.sigmoid(self.paint(x)[:, :, :height, :width])


@dataclass(frozen=True)
class Decoder:
    """A trained decoder.

    Attributes:
        network: features (N, d) to images (N, C, H, W).
        errors: `decoder_pixel_error`, root mean square over pixels in [0, 1], and `decoder_gap`, mean of
            ||f(Dec(z)) - z|| / ||z||, both on held-out images.
    """

    network: Network
    errors: Mapping[str, float]

    def decode(self, zeta: Tensor) -> Tensor:
        """Images (m, C, H, W) in [0, 1] of features (m, d)."""
        with torch.no_grad():
            return torch.cat(_in_batches(self.network, zeta.float()))


def _in_batches(network: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """What a network makes of x (N, ...), in batches that fit into memory."""
    size = batches.at_once(network, tuple(x.shape[1:]), x.device, "decoding")
    while True:
        try:
            return [network(part) for part in torch.split(x, size)]
        except torch.OutOfMemoryError as error:
            size = batches.halved(network, min(size, len(x)), error)


def file_name(digest: str) -> str:
    """File name of the decoder of a scene's digest, in the cache and among those that ship."""
    return f"{digest}-{VERSION}.safetensors"


def cached(scene: Scene, observe: Observer) -> Decoder:
    """The decoder of a scene: one that ships, from the disk cache, or trained now and cached.

    Raises:
        AttackError: its weights are not finite; it is not cached.
    """
    name = file_name(scene.digest)
    path = paths.cache() / "decoders" / name
    observe(Event("decoder"))
    decoder = _read(paths.DECODERS / name, scene) or _read(path, scene)
    if decoder is None:
        decoder = train(scene, observe)
        if not all(bool(value.isfinite().all()) for value in decoder.network.state_dict().values()):
            raise AttackError(
                "The decoder can't be trained on these features: its weights did not stay finite. Choose an attack "
                "without a decoder, or another extractor."
            )
        cache.write(path, dump(decoder))
    return decoder


def train(scene: Scene, observe: Observer) -> Decoder:
    """Train the decoder of a scene's extractor on its training images; the same scene gives the same decoder."""
    device = scene.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)  # of the weights and of dropout
        return _train(scene, observe)


def _train(scene: Scene, observe: Observer) -> Decoder:
    device = scene.images.device
    network = _network(scene)
    weights = list(network.parameters())
    generator = torch.Generator().manual_seed(0)
    held_out = torch.zeros(len(scene.y), dtype=torch.bool)
    held_out[torch.randperm(len(held_out), generator=generator)[: max(1, len(held_out) // 10)]] = True
    rows = (~held_out).nonzero().squeeze(1)
    total = PIXEL_STEPS + BOTH_STEPS
    done = 0
    for steps, rate, weight in ((PIXEL_STEPS, PIXEL_RATE, 0.0), (BOTH_STEPS, BOTH_RATE, FEATURE_WEIGHT)):
        optimiser, decay = Adam(weights, weight_decay=WEIGHT_DECAY), Cosine(rate, 0.0, steps)
        for _ in range(steps):
            batch = rows[torch.randint(len(rows), (min(BATCH, len(rows)),), generator=generator)].to(device)
            x, z = scene.images[batch], scene.z[batch]
            decoded = network(z)
            loss = F.mse_loss(decoded, x)
            if weight:
                loss = loss + weight * gaps(scene.pipeline(decoded), z).square().mean()
            optimiser.step(torch.autograd.grad(loss, weights), decay.lr)
            decay.advance()
            done += 1
            if done % REPORT_EVERY == 0:
                observe(Event("decoder", done, total, {"decoder_loss": loss.item()}))
    network.half().float().requires_grad_(False)  # as it will be read back
    network.eval()
    decoder = Decoder(network, {})
    return Decoder(network, _errors(decoder, scene, held_out.nonzero().squeeze(1).to(device)))


def _errors(decoder: Decoder, scene: Scene, unseen: Tensor) -> dict[str, float]:
    """The errors of a decoder on training images (k,) that it was not trained on; see `Decoder`."""
    squares, gap = [], []
    at_once = max(1, HELD_OUT_NUMBERS // math.prod(scene.images.shape[1:]))
    with torch.no_grad():
        for rows in torch.split(unseen, at_once):
            x, z = scene.images[rows], scene.z[rows]
            decoded = decoder.decode(z)
            gap.append(gaps(torch.cat(_in_batches(scene.pipeline, decoded)), z))
            squares.append(F.mse_loss(decoded, x) * (len(rows) / len(unseen)))
    return {
        "decoder_pixel_error": float(torch.stack(squares).sum().sqrt()),
        "decoder_gap": float(torch.cat(gap).mean()),
    }


def dump(decoder: Decoder) -> bytes:
    """A decoder as the content of a safetensors file, in half precision."""
    tensors = {name: value.half().contiguous().cpu() for name, value in decoder.network.state_dict().items()}
    content: bytes = save(tensors, {name: repr(value) for name, value in decoder.errors.items()})
    return content


def _network(scene: Scene) -> Network:
    _, channels, height, width = scene.images.shape
    return Network(scene.z.shape[1], (channels, height, width)).to(scene.images.device)


def _read(path: Path, scene: Scene) -> Decoder | None:
    """The decoder in a file, or None if it is missing or damaged."""
    content, network = cache.read_bytes(path), _network(scene)
    if content is None:
        return None
    try:
        network.load_state_dict({name: value.float() for name, value in load(content).items()})
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        errors = {name: float(value) for name, value in header["__metadata__"].items() if name != "format"}
    except (SafetensorError, RuntimeError, ValueError, KeyError):
        return None
    return Decoder(network.requires_grad_(False).eval(), errors)
