"""A tiny world for the tests of attacks: 8 × 8 digits and a small, smooth, seeded extractor in float64."""

from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from core.attacks.algorithms.base import Scene
from core.heads import logistic as head
from core.spec.experiment import ExperimentSpec, parse_spec

RIDGE = 1e-3
JOINT = {"joint_steps": 2, "cycles": 3}
ATTACK_SETTINGS: dict[str, dict[str, object]] = {
    "label-flip": {},
    "noise": {},
    "fw-input": {"rounds": 3, "atoms": 6, "inner_steps": 4, "joint_steps": 3, "cycles": 2},
    "best-input": {"rounds": 2, "atoms": 6, "inner_steps": 3, "feature_steps": 3, "match_steps": 3, **JOINT},
    "tgda-input": {"steps": 4},
    "gc-input": {"steps": 6},
    "ue-input": {"steps": 4},
    "tgda-feature": {"steps": 6},
    "gc-feature": {"steps": 60},
    "ft-donor": {"steps": 4},
    "ft-decoder": {"steps": 4, "finish_steps": 2},
    "ft-matching": {"steps": 4, "match_steps": 4, "finish_steps": 3},
    "blend": {},  # examples/blend_attack.py
}


class TinyExtractor(nn.Module):
    """Two smooth layers: images (N, 1, 8, 8) to features (N, 24) of norm about 3."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.randn(64, 32, generator=generator, dtype=torch.float64) / 4
        self.second = torch.randn(32, 24, generator=generator, dtype=torch.float64) / 5

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(x.flatten(1).double() @ self.first)
        return (hidden @ self.second).to(x.dtype)


@cache
def scene(n: int = 300) -> Scene:
    """The attacker's view of `n` digits."""
    images, labels = load_digits(return_X_y=True)
    rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))[:n]
    # Digits have 17 grey levels: 15 / 255 apart, so that they are 8-bit images.
    x = (torch.from_numpy(images)[rows] * 15 / 255).float().reshape(-1, 1, 8, 8)
    y = torch.from_numpy(labels)[rows].long()
    pipeline = TinyExtractor()
    z = pipeline(x)
    return Scene(x, z, y, 10, RIDGE, head.fit(z, y, 10, RIDGE), pipeline, "tiny")


def spec(attack: str, /, **values: object) -> ExperimentSpec:
    """A spec for `scene()`; the data set's name plays no part in an attack."""
    settings = {"name": attack, **ATTACK_SETTINGS[attack], **values.pop("attack", {})}  # type: ignore[dict-item]
    return parse_spec({"attack": settings, "train_size": 300, "budget": 0.04, **values})
