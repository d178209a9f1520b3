"""The table of attacks: names as in `core.spec.experiment.ATTACK_SPECS`, and the classes that run them."""

from core.attacks.base import Attack
from core.attacks.feature_targeted import FTDecoderAttack, FTDonorAttack, FTMatchingAttack
from core.attacks.gradient_canceling import GCFeatureAttack
from core.attacks.input_space import GCInputAttack, NoiseAttack, TGDAInputAttack, UEInputAttack
from core.attacks.label_flip import LabelFlip
from core.attacks.tgda import TGDAFeatureAttack
from core.spec.experiment import ExperimentSpec

ATTACKS: dict[str, type[Attack]] = {
    "label-flip": LabelFlip,
    "noise": NoiseAttack,
    "tgda-input": TGDAInputAttack,
    "gc-input": GCInputAttack,
    "ue-input": UEInputAttack,
    "tgda-feature": TGDAFeatureAttack,
    "gc-feature": GCFeatureAttack,
    "ft-matching": FTMatchingAttack,
    "ft-decoder": FTDecoderAttack,
    "ft-donor": FTDonorAttack,
}


def build(spec: ExperimentSpec) -> Attack:
    """The attack of a spec."""
    return ATTACKS[spec.attack.name](spec)
