"""Unlearnable examples: error-minimising noise (Huang et al. 2021) on the added points, with f frozen."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.attacks.record import AttackRecord, Explanation, Stage, lines
from core.spec.models import AttackSettings

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer


STEP = 0.8 / 255
"""Length of one sign step (Huang et al. 2021)."""


class UEInput(AttackSettings):
    """Unlearnable examples: images that the head finds easy, by error-minimising noise."""

    name: Literal["ue-input"] = "ue-input"
    steps: int = Field(
        20, ge=1, le=1_000, title="Steps", description="Sign steps of 0.8/255, in turn with the head's optimum."
    )


def run(settings: UEInput, scene: "Scene", plan: "Plan", observe: "Observer") -> "Draft":
    """Alternate sign steps on the pixels with retraining: minimise the training loss over both.

    Included because it shows that this has almost no effect on a head on frozen features.

    Args:
        settings, scene, plan, observe: see `core.attacks.record.AttackRecord`.
    """
    from functools import partial

    import torch

    from core.attacks.algorithms.base import Draft
    from core.attacks.algorithms.canvas import Canvas
    from core.heads import logistic as head
    from core.spec.events import Event

    canvas = Canvas.of(scene, plan)
    x, theta = canvas.base, scene.clean_head
    for step in range(settings.steps + 1):
        features, pull = canvas.forward(x)
        theta = scene.retrained(features, plan.y, theta)
        logits = head.logits(theta, features)
        loss = torch.nn.functional.cross_entropy(logits, plan.y)
        values = {"loss": float(loss), "train_accuracy": head.accuracy(theta, scene.z, scene.y)}
        observe(Event("pixels", step, settings.steps, values, partial(canvas.show, x, features, theta)))
        if step < settings.steps:
            downhill = -head.errors(torch.softmax(logits, 1), plan.y) @ theta[:, :-1]
            x = canvas.project(x + STEP * pull(downhill).sign())
    return Draft(x=x)


EXPLANATION = Explanation(
    lines(r"\min_{x}\; \min_\theta\; & \mathrm{CE}(\theta; f(x), y)", r"& \text{with } x \text{ allowed}"),
    "**Unlearnable examples**: the images become *easy*, so that a network would learn the noise instead of the "
    "content. The extractor is frozen here and learns nothing.",
)

RECORD = AttackRecord(
    settings=UEInput,
    title="Unlearnable examples",
    family="pixels",
    rank=3,
    stages=(
        Stage(
            "pixels",
            explain=lambda settings: EXPLANATION,
            work=lambda settings, load: settings.steps * (load.image_step + load.head_step),
            by_extractor=True,
        ),
    ),
    makes_images=True,
    excluded_label_rules={"chosen": "it makes images easy for the head, so that no label is chosen to harm."},
    report_steps=lambda spec: [
        "Add noise to training images that makes them easy for the head, so that it learns little from them "
        "(unlearnable examples)."
    ],
    run=run,
)
