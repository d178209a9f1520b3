"""Explanations of the stages of a run: a formula and a sentence or two each."""

from core.attacks.record import Explanation, lines
from core.catalog.descriptions import AttackDescription


def explain_stage(stage: str, description: AttackDescription) -> Explanation:
    """The explanation of a stage.

    Args:
        stage: one of `core.experiments.trajectory.PATH`.
        description: of the attack with the settings of the run.
    """
    if stage == "clean":
        return _CLEAN
    if stage == "poison":
        return Explanation(_POISON.formula, f"{description.outcome} {_POISON.text}".strip())
    return description.stages[stage].explanation


_CLEAN = Explanation(
    lines(
        r"\theta^* &= \arg\min_\theta\; F(\theta), \qquad z_i = f(x_i),",
        r"F(\theta) &= \frac1n \sum_{i=1}^n \mathrm{CE}(\theta; z_i, y_i) + \frac\lambda2 \lVert W \rVert^2",
    ),
    "The defender trains a linear head on the features of clean images. The problem is convex: there is one best head, "
    "and everything below is compared with it.",
)
_POISON = Explanation(
    lines(
        r"\theta' &= \arg\min_\theta\; F'(\theta), \qquad N = n + m,",
        r"F'(\theta) &= \frac1N \sum_{i=1}^N \mathrm{CE}(\theta; z_i, y_i) + \frac\lambda2 \lVert W \rVert^2,",
        r"z_{n+j} &= f(x_j) \text{ of the poison}",
    ),
    "What the defender receives, as 8-bit images: features are extracted again, and the head is trained on clean and "
    "poisoned images together.",
)
