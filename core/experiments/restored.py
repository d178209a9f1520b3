"""The features of a run that was kept without them, extracted anew from its poisoned images."""

from collections.abc import Mapping

from core.experiments import extraction, phases
from core.experiments.result import Poison
from core.experiments.watch import RunWatch
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec
from core.system import device as devices
from core.system.arrays import Array


def features_of(spec: ExperimentSpec, poison: Mapping[str, Array], *, device: str = "auto") -> dict[str, Array]:
    """The arrays that the heads of a run were fitted on, without its attack.

    Args:
        spec: of the run, resolved. A plug-in that its attack is from need not be loaded.
        poison: its poison: images `x` (m, C, H, W) in [0, 1], labels `y` (m,) and `base_index` (m,).
        device: "auto", "cpu" or "cuda".

    Returns:
        See `core.experiments.phases.fitted_arrays`.

    Raises:
        PoisonLabError: missing data or weights, unknown device, or out of memory.
    """
    with devices.explain_out_of_memory():
        watch = RunWatch(silent, None)
        loaded = extraction.load(spec, devices.choose(device), watch)
        extracted = extraction.extract(loaded, watch)
        z = phases.exported_features(spec, extracted.pipeline, poison["x"], loaded.device)
        kept = Poison(poison["x"], z.cpu().numpy(), poison["y"], poison["base_index"])
        return phases.fitted_arrays(loaded, extracted, kept)
