"""The experiments that ship with the project: they open instantly, and one command recomputes them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.attacks.registry import record_of
from core.catalog.choices import resolve
from core.experiments import run_folder
from core.experiments.result import Result
from core.experiments.summary import SCORES, RunSummary
from core.heads.scores import Score
from core.spec.events import Observer, silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import cache, paths

MAX_BYTES = 24 << 20
"""Maximum size of everything that ships: runs, maps and decoders."""


@dataclass(frozen=True)
class Entry:
    """A shipped experiment: its title and its resolved spec."""

    title: str
    spec: ExperimentSpec


def _entry(title: str, attack: str | dict[str, Any] = "ft-matching", **values: Any) -> Entry:
    return Entry(title, resolve(parse_spec({"attack": attack, **values})))


_OF_MNIST: dict[str, Any] = {"extractor": "resnet10-small-mnist"}
_OF_IMAGENET: dict[str, Any] = {"extractor": "efficientnet-lite0-imagenet"}
_FEW: dict[str, Any] = {"train_size": 1000, "test_size": 1000}
_FEWEST: dict[str, Any] = {"train_size": 1000, "test_size": 500}

GROUPS: dict[str, tuple[Entry, ...]] = {
    "Every attack at the same budget": (
        _entry("Features first, then images that match them"),
        _entry("Images painted by a decoder", "ft-decoder"),
        _entry("Real images nearest to the poisoned features", "ft-donor"),
        _entry(
            "The three stages as published: target head, features, images",
            {"name": "ft-matching", "stage2": "gc", "steps": 500, "bases": "sample", "finish_steps": 0},
        ),
        _entry("Wrong labels, images untouched", "label-flip"),
        _entry("Noise under wrong labels", "noise"),
        _entry("Pixels, by the gradient of the head itself", "tgda-input"),
        _entry("Pixels that cancel a gradient", "gc-input"),
        _entry("Unlearnable examples", "ue-input"),
        _entry("Free features: what images are measured against", "tgda-feature"),
        _entry("Free features that cancel a gradient", "gc-feature"),
    ),
    "What a larger budget buys": (
        _entry("Images, 1 %", budget=0.01),
        _entry("Images, 10 %", budget=0.1),
        _entry("Wrong labels, 1 %", "label-flip", budget=0.01),
        _entry("Wrong labels, 10 %", "label-flip", budget=0.1),
        _entry("Free features, 1 %", "tgda-feature", budget=0.01),
        _entry("Free features, 10 %", "tgda-feature", budget=0.1),
    ),
    "What the attacker may do": (
        _entry("Changes that nobody sees", constraint="perturbation"),
        _entry("Labels that stay right", label_rule="clean"),
        _entry("Labels drawn at random", label_rule="random"),
        _entry("Unlearnable and invisible", "ue-input", constraint="perturbation"),
    ),
    "Other extractors, other data": (
        _entry("Digits, on an extractor of digits", data="mnist", **_OF_MNIST, **_FEW),
        _entry("Digits, on an extractor of clothes", data="mnist", **_FEW),
        _entry("Clothes, on an extractor of digits", **_OF_MNIST, **_FEW),
        _entry("Clothes, on an extractor of photographs", **_OF_IMAGENET, **_FEW),
        _entry("Wrong labels, on random weights", "label-flip", extractor="efficientnet-lite0-random", **_FEW),
        _entry(
            "Emoji, tested in another style",
            "label-flip",
            data="emoji",
            test_domain="twitter",
            **_OF_IMAGENET,
            **_FEWEST,
        ),
    ),
}
"""The shipped experiments, in groups. The first one is the app's default."""


def entries() -> tuple[Entry, ...]:
    """All shipped experiments, in order."""
    return tuple(entry for group in GROUPS.values() for entry in group)


@dataclass(frozen=True)
class GalleryChange:
    """A shipped run; `change` is the effect of recomputing it: "new", "same", or old and new numbers."""

    folder: Path
    change: str


def build(observe: Observer = silent, assets: Path = paths.ASSETS, *, again: bool = False) -> Iterator[GalleryChange]:
    """Compute missing shipped runs, and delete those that no longer ship.

    The large `features.npz` is left out, as it is recomputed in seconds. The map of the clean features and the decoder
    ship as well, for runs of other attacks on the same images.

    Args:
        observe: receives progress events.
        assets: the folder that ships.
        again: recompute all runs, and report what has changed.

    Yields:
        Each shipped run.
    """
    # Imported here so that reading the gallery does not import torch.
    from core.experiments.run import run

    runs, maps, trained = (assets / folder.name for folder in (paths.GALLERY, paths.MAPS, paths.DECODERS))
    wanted = entries()
    for old in runs.glob("*/result.json"):
        if old.parent.name not in {entry.spec.hash for entry in wanted}:
            shutil.rmtree(old.parent)
    for entry in wanted:
        folder = runs / entry.spec.hash
        before = _summary(folder)
        if before is not None and not again:
            yield GalleryChange(folder, "same")
            continue
        result = run(entry.spec, observe)
        change = "new" if before is None else changes(before, result.summary())
        if change != "same":
            _ship(result, folder, maps, trained)
        yield GalleryChange(folder, change)
    _drop_maps(runs, maps)


def changes(before: RunSummary, after: RunSummary) -> str:
    """The differences between two summaries of one experiment; "same" if there are none.

    Seconds, device and versions are not compared, nor is the training of a decoder, which may come from the cache.
    """
    old_content, new_content = _results(before), _results(after)
    changed = []
    for key, content in new_content.items():
        if old_content.get(key) == content:
            continue
        old, new = (summary.score(key) if key in SCORES else None for summary in (before, after))
        changed.append(_score_change(key, old, new))
    return f"changed: {', '.join(changed)}" if changed else "same"


def _score_change(key: str, old: Score | None, new: Score | None) -> str:
    if old is None or new is None or old.accuracy == new.accuracy:
        return key
    return f"{key} {100 * old.accuracy:.1f} → {100 * new.accuracy:.1f} %"


def _results(summary: RunSummary) -> dict[str, Any]:
    content = json.loads(json.dumps(summary.to_json()))
    curve = [point for point in content["curve"] if point["stage"] != "decoder"]
    return {key: value for key, value in content.items() if key not in _NO_RESULTS} | {"curve": curve}


_NO_RESULTS = ("seconds", "device", "versions")


def _ship(result: Result, folder: Path, maps: Path, trained: Path) -> None:
    from core.attacks.algorithms import decoders
    from core.experiments import projection

    run_folder.write(result, folder, with_features=False)
    assert result.plot is not None
    cache.write(maps / projection.cache_path(result.features["train_z"]).name, result.plot.train_xy)
    decoder_file = paths.cache() / "decoders" / decoders.file_name(result.digest)
    attack = result.spec.attack
    trains_decoder = "decoder" in [stage.name for stage in record_of(attack.name).stages_of(attack)]
    if trains_decoder and decoder_file.exists():
        trained.mkdir(exist_ok=True)
        for old in trained.iterdir():
            old.unlink()
        content = cache.read_bytes(decoder_file)
        assert content is not None
        (trained / decoder_file.name).write_bytes(content)


def _drop_maps(runs: Path, maps: Path) -> None:
    """Delete the maps that no shipped run uses."""
    drawn = []
    for path in runs.glob("*/view.npz"):
        with np.load(path, allow_pickle=False) as view:
            drawn.append(view["train_xy"])
    for path in maps.glob("*.npy"):
        xy = np.load(path, allow_pickle=False)
        if not any(np.array_equal(xy, other) for other in drawn):
            path.unlink()


def _summary(folder: Path) -> RunSummary | None:
    try:
        return RunSummary.from_json(json.loads((folder / "result.json").read_text()))
    except FileNotFoundError:
        return None
