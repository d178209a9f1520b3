"""Feature-targeted attack: poisoned features, then the images that a trained decoder makes of them."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.parts.settings import InversionSettings
from core.attacks.parts.stages import FEATURES_BY_EITHER, FINISH, ONLY_IMAGES, TARGET, feature_targeted_steps
from core.attacks.record import AttackRecord, Explanation, Stage, lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


class FTDecoder(InversionSettings):
    """Feature-targeted attack: poisoned features, then the images that a trained decoder makes of them."""

    name: Literal["ft-decoder"] = "ft-decoder"
    finish_steps: int = Field(
        0,
        ge=0,
        le=2_000,
        title="Finishing steps",
        description="Steps on the pixels by the head's gradient; 0 is the paper's attack.",
    )


def run(settings: FTDecoder, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Decode the poisoned features; base images are the real ones nearest to them.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from core.attacks.algorithms import decoders
    from core.attacks.algorithms.feature_targeted import with_inversion
    from core.attacks.algorithms.inversion import nearest_bases
    from core.spec.events import Event

    def invert(plan: "Plan", zeta: "Tensor") -> "tuple[Tensor, Tensor, Mapping[str, float]]":
        decoder = decoders.cached(scene, observe)
        observe(Event("invert", 0, 1))
        return nearest_bases(scene, plan, zeta)[:, 0], decoder.decode(zeta), decoder.errors

    return with_inversion(scene, plan, settings, observe, invert)


TRAINING = Explanation(
    lines(
        r"\min_{D}\; & \lVert D(f(x)) - x \rVert^2",
        r"& + w \, \frac{\lVert f(D(f(x))) - f(x) \rVert^2}{\lVert f(x) \rVert^2}",
    ),
    "**Decoder**: a network $D$ learns to turn features back into the training images, with $f$ frozen.",
)
DECODING = Explanation(
    lines(r"x_j &= D(\zeta_j)"),
    "**Decoded images**: a trained decoder reconstructs an image from each poisoned feature.",
)

RECORD = AttackRecord(
    settings=FTDecoder,
    title="Feature-targeted, decoded images",
    family="feature-targeted",
    rank=2,
    stages=(
        TARGET,
        FEATURES_BY_EITHER,
        Stage(
            "decoder",
            explain=lambda settings: TRAINING,
            work=lambda settings, load: load.extraction,
            by_extractor=True,
        ),
        Stage(
            "invert",
            explain=lambda settings: DECODING,
            work=lambda settings, load: load.n_poison * load.extraction,
            by_extractor=True,
        ),
        FINISH,
    ),
    makes_images=True,
    excluded_constraints=ONLY_IMAGES,
    report_steps=lambda spec: feature_targeted_steps(
        spec,
        "Turn features into images: by a decoder, trained on the clean training images to undo the extractor.",
    ),
    outcome="A trained decoder reconstructs an image from each poisoned feature.",
    run=run,
)
