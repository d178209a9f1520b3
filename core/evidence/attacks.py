"""Measures one experiment of the evidence: the drop of its attack, and the effect of each defence."""

from typing import Any

from core.experiments.summary import SCORES
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec
from core.spec.registry import PLUGINS

ATTACK_STAGES = {"target", "stage2", "invert", "exchange", "pixels"}


def measured(spec: ExperimentSpec, device: str = "auto") -> dict[str, Any]:
    """Run one experiment and evaluate each defence on it; accuracies are in [0, 1]."""
    from core.defences.evaluation import Poisoned
    from core.defences.registry import RECORDS
    from core.experiments.run import run
    from core.system import device as devices

    result = run(spec, silent, device=device, with_map=False)
    judge = Poisoned.of(result.features, len(result.classes), spec.ridge, devices.choose(device))
    defences = {}
    for name, record in ((name, record) for name, record in RECORDS.items() if name not in PLUGINS):
        verdict = judge.defended([record.settings()], n_random=0)
        defences[name] = {
            "accuracy": verdict.defended.accuracy,
            "found": verdict.whole.poison_removed,
            "clean_lost": verdict.whole.clean_lost,
        }
    summary = result.summary()
    scores = {name: None if (score := summary.score(name)) is None else score.accuracy for name in SCORES}
    seconds = sum(duration for stage, duration in result.seconds.items() if stage in ATTACK_STAGES)
    return {
        "spec": spec.model_dump(mode="json"),
        "device": summary.device,
        "n_poison": summary.n_poison,
        "n_test": summary.n_test,
        **scores,
        "gap": result.inversion_gap,
        "seconds": round(seconds, 2),
        "defences": defences,
    }
