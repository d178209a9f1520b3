"""Judging submissions on the hidden test split, as `core.experiments.run` and `core.defences.evaluation` would.

A worker calls `judge`; what it computes goes into the challenge's folder and nowhere else.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.catalog.lookup import data_info
from core.challenge.enforcement import enforced
from core.challenge.folder import Challenge, find
from core.challenge.hidden import hidden_rows
from core.challenge.poison_files import OwnPoison
from core.challenge.rules import Rules
from core.challenge.submissions import Submission, npz_path, write_npz
from core.challenge.verdicts import REFERENCE, Pair, Verdict, opponents, verdict_of
from core.defences.chain import Chain, parse_chain
from core.defences.evaluation import defend
from core.experiments import extraction, phases
from core.experiments.result import to_uint8
from core.experiments.run import run
from core.experiments.watch import RunWatch
from core.spec.events import Observer, silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.arrays import Array
from core.system.errors import AttackError, Cancelled, ChallengeError, DataError, PoisonLabError, SpecError

BROKEN_RULES = (AttackError, ChallengeError, DataError, SpecError)
"""Errors that a submission is to blame for."""


@dataclass(frozen=True)
class Judged:
    """Poison with its heads' scores.

    Attributes:
        features: that the heads were fitted on, see `core.experiments.phases.fitted_arrays`.
        x: (m, C, H, W) uint8 images; None for feature vectors.
        clean, poisoned: accuracy on the test images, in [0, 1].
    """

    features: Mapping[str, Array]
    x: Array | None
    clean: float
    poisoned: float

    def against(self, chain: Chain, rules: Rules, *, attack: str = "", defence: str = "", device: str = "auto") -> Pair:
        """The damage that a chain of defences leaves.

        Args:
            chain: the defences; empty for none.
            rules: of the challenge.
            attack, defence: see `Pair`.
            device: "auto", "cpu" or "cuda".
        """
        accuracy = self.poisoned
        if chain:
            classes = len(data_info(rules.experiment.data).classes)
            place = devices.choose(device)
            accuracy = defend(self.features, chain, classes, rules.experiment.ridge, device=place).defended.accuracy
        return Pair(attack, defence, accuracy, 100 * (self.clean - accuracy))


def judge(code: str, submission: str, observe: Observer = silent, *, device: str = "auto") -> None:
    """Judge a submission and write its verdict; a no-op if it has one.

    Args:
        code: of the challenge.
        submission: its id.
        observe: receives the progress.
        device: "auto", "cpu" or "cuda".

    Raises:
        ChallengeError: there is no such submission, or it has to wait for others.
        Cancelled: the observer stopped it.
    """
    challenge = find(code)
    kept = challenge.read("submissions", submission)
    if kept is None:
        raise ChallengeError("There is no such submission.")
    entry = Submission.from_json(kept)
    if verdict_of(challenge, submission) is not None:
        return
    others = opponents(challenge, entry)
    if others is None:
        raise ChallengeError("Submissions of an earlier round are not judged yet.")
    try:
        verdict = _verdict(challenge, entry, others, observe, device)
    except Cancelled:
        raise
    except PoisonLabError as error:
        verdict = Verdict(entry.id, "refused" if isinstance(error, BROKEN_RULES) else "failed", str(error))
    with challenge.locked():  # a worker of a server that was killed meanwhile may have judged it, too
        if verdict_of(challenge, submission) is None:
            challenge.write("verdicts", entry.id, verdict.to_json())


def judged_settings(
    spec: ExperimentSpec, rows: NDArray[np.intp] | None, observe: Observer = silent, *, device: str = "auto"
) -> Judged:
    """Run an attack with settings.

    Args:
        spec: the experiment of the challenge, with this attack.
        rows: of the test images; None for those that the spec's seed draws.
        observe: receives the progress.
        device: "auto", "cpu" or "cuda".
    """
    result = run(spec, observe, device=device, with_map=False, test_rows=rows)
    x = None if result.poison.x is None else to_uint8(result.poison.x)
    return Judged(result.features, x, result.clean.accuracy, result.poisoned.accuracy)


def judged_poison(
    rules: Rules,
    poison: OwnPoison,
    rows: NDArray[np.intp] | None,
    observe: Observer = silent,
    *,
    device: str = "auto",
) -> Judged:
    """Enforce the rules on poison made elsewhere, and train the heads with it.

    Args:
        rules: of the challenge.
        poison: as it was handed in.
        rows, observe, device: see `judged_settings`.

    Raises:
        ChallengeError: it breaks a rule; the message says which.
    """
    with devices.explain_out_of_memory():
        at = _prepared(rules.experiment, rows, observe, device)
        scene = phases.scene_of(at.spec, at.loaded, at.extracted, at.clean)
        attack = phases.Attack(scene, enforced(at.spec, scene, poison, images_only=rules.images_only))
        evaluated = phases.evaluate(at.spec, at.extracted, at.clean, attack, at.watch)
        arrays = phases.poison_arrays(attack.attacked, evaluated.poison_z)
        features = phases.fitted_arrays(at.loaded, at.extracted, arrays)
    x = None if arrays.x is None else to_uint8(arrays.x)
    return Judged(features, x, at.clean.score.accuracy, evaluated.poisoned.accuracy)


@dataclass(frozen=True)
class _Prepared:
    """What every submission of a challenge is judged on: data, features and the clean head, on the same test images."""

    spec: ExperimentSpec
    loaded: extraction.Loaded
    extracted: extraction.Extracted
    clean: phases.Clean
    watch: RunWatch

    def with_kept(self, path: Path) -> Judged:
        """Poison that was judged before; heads are solved by whoever needs them.

        Args:
            path: of its npz, see `_keep`.
        """
        with np.load(path, allow_pickle=False) as kept:
            poison_z, poison_y = kept["z"], kept["y"]
        train_z, test_z = self.extracted.on_host
        split = self.loaded.split
        features = {
            **{"train_z": train_z, "train_y": split.train_y, "poison_z": poison_z, "poison_y": poison_y},
            **{"test_z": test_z, "test_y": split.test_y},
        }
        return Judged(features, None, self.clean.score.accuracy, float("nan"))


def _prepared(spec: ExperimentSpec, rows: NDArray[np.intp] | None, observe: Observer, device: str) -> _Prepared:
    """Load the data, extract features, which come from the cache where they can, and train the clean head."""
    watch = RunWatch(observe)
    loaded = extraction.load(spec, devices.choose(device), watch, rows)
    extracted = extraction.extract(loaded, watch)
    return _Prepared(spec, loaded, extracted, phases.train_clean(spec, loaded, extracted, watch), watch)


def _verdict(challenge: Challenge, entry: Submission, others: Sequence[str], observe: Observer, device: str) -> Verdict:
    """Judge a submission against others; see `judge`."""
    rules, rows = challenge.rules, hidden_rows(challenge)
    if not entry.is_attack:
        chain = parse_chain(entry.chain)
        paths = [_path_of_judged(challenge, attack, rows, observe, device) for attack in others]
        with devices.explain_out_of_memory():
            at = _prepared(rules.experiment, rows, observe, device)
        pairs = [
            at.with_kept(path).against(chain, rules, attack=attack, defence=entry.id, device=device)
            for path, attack in zip(paths, others, strict=True)
        ]
        return Verdict(entry.id, "judged", clean=at.clean.score.accuracy, pairs=tuple(pairs))
    if entry.kind == "attack":
        spec = rules.spec_of(entry.attack or {}, entry.evade)
        judged = judged_settings(spec, rows, observe, device=device)
    else:
        own = _kept_poison(challenge, "submissions", entry.id)
        judged = judged_poison(rules, own, rows, observe, device=device)
    _keep(challenge, entry.id, judged)
    pairs = [judged.against((), rules, attack=entry.id)]
    for defence in others:
        kept = challenge.read("submissions", defence)
        assert kept is not None
        chain = parse_chain(kept["chain"])
        pairs.append(judged.against(chain, rules, attack=entry.id, defence=defence, device=device))
    return Verdict(entry.id, "judged", clean=judged.clean, pairs=tuple(pairs))


def _keep(challenge: Challenge, name: str, judged: Judged) -> None:
    """Keep the poison for later rounds and the reveal; nothing of the test images."""
    arrays = {"z": judged.features["poison_z"], "y": judged.features["poison_y"]}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **(arrays if judged.x is None else {"x": judged.x, **arrays}))  # type: ignore[arg-type]
    write_npz(challenge, "verdicts", name, buffer.getvalue())


def _path_of_judged(challenge: Challenge, attack: str, rows: NDArray[np.intp], observe: Observer, device: str) -> Path:
    """The npz of the poison of an earlier round, or of the attack that the challenge begins with, which is made first.

    Args:
        challenge: the challenge.
        attack: id of its submission, or `REFERENCE`.
        rows, observe, device: see `judged_settings`.
    """
    path = npz_path(challenge, "verdicts", attack)
    if attack == REFERENCE and not path.exists():
        _keep(challenge, REFERENCE, judged_settings(challenge.rules.experiment, rows, observe, device=device))
    return path


def _kept_poison(challenge: Challenge, folder: str, name: str) -> OwnPoison:
    """The poison of a submission, as it was handed in."""
    with np.load(npz_path(challenge, folder, name), allow_pickle=False) as kept:
        arrays = {key: kept[key] for key in kept.files}
    return OwnPoison(arrays.get("x"), arrays.get("z"), arrays["y"], arrays.get("base_index"))
